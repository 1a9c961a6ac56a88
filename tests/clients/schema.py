"""The schema as it was last reviewed, `docs/schema.graphql`, and what a change does to clients.

`python -m tests.clients.schema` (`make schema`) says what has changed, in the words of the npm
package @graphql-inspector/cli, and writes the file anew. Whether a change is right is for whoever
reviews the file.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from graph.schema.schema import schema
from tests import clients

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "schema.graphql"

HARMS = {"✖": "BREAKS CLIENTS", "⚠": "dangerous", "✔": "safe"}
_CHANGE = re.compile(rf"^\[log\] ([{''.join(HARMS)}])\s+(.*)$", re.M)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the schema, and what it does to clients: one of `HARMS`."""

    harm: str
    what: str


def printed() -> str:
    """The schema as `chibo schema` prints it."""
    return f"{schema.as_str()}\n"


def changes(before: str, after: str) -> list[Change]:
    """What has changed between two schemas, what breaks clients first."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "before.graphql").write_text(before, "utf-8")
        (folder / "after.graphql").write_text(after, "utf-8")
        done = clients.tool(
            "graphql-inspector", "diff", "before.graphql", "after.graphql", folder=folder
        )
    found = [Change(HARMS[mark], what) for mark, what in _CHANGE.findall(done.stdout)]
    assert found or "No changes detected" in done.stdout, done.stdout + done.stderr
    return sorted(found, key=lambda change: list(HARMS.values()).index(change.harm))


def verdict(before: str, after: str) -> str:
    """The changes, a line for each, as a reviewer reads them."""
    found = changes(before, after)
    lines = [f"{change.harm}: {change.what}" for change in found]
    return "\n".join(lines) or "No client notices: it is the same schema, printed otherwise."


def write() -> None:
    """Writes the reviewed schema anew, and says what is other than before."""
    now = printed()
    before = COMMITTED.read_text("utf-8") if COMMITTED.exists() else now
    print("Nothing has changed." if now == before else verdict(before, now))
    COMMITTED.write_text(now, "utf-8")


if __name__ == "__main__":
    write()
