"""GraphQL over HTTP to the letter: the audits of the npm package graphql-http."""

from __future__ import annotations

import json
from pathlib import Path

from tests import clients
from tests.workers import running


def test_all_audits_of_graphql_over_http_pass(tmp_path: Path) -> None:
    """All 61, what a server MUST, SHOULD and MAY do."""
    with running(tmp_path, f"sqlite:///{tmp_path / 'chibo.db'}") as server:
        found = clients.run("audits.mjs", f"{server.url}/graphql", CHIBO_TOKEN=server.token)
    audits = json.loads(found)
    assert [each for each in audits if each["status"] != "ok"] == []
    assert len(audits) == 61
