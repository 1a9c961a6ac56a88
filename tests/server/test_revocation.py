"""Two servers on one PostgreSQL: some of the revocations of `make revocation`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.revocation import revoke

TIMES = 50


async def test_what_one_server_revokes_is_dead_on_the_others_next_request(
    fresh_database: Callable[[str], str], tmp_path: Path
) -> None:
    """For pages after a cursor given before, records, figures and writing; through expiry too."""
    outcome = await revoke(tmp_path, fresh_database("postgresql"), TIMES)
    assert outcome.survivors == []
    assert outcome.dead == TIMES
