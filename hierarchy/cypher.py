"""What the Neo4j engine says to its graph: the statements, and lines of the ledger as rows.

    (:Tree {id: 1, version})                      its lock serialises the writers
    (:Stage {id: 1, writer})                      whose batches are taken
    (:Unit {code, version, established_on, stands_from, closed_on})
    (:Unit)-[:PART_OF {from, to}]->(:Unit)        from a day (included) to a day (excluded) or on
    (:Unit)-[:SUCCEEDED_BY {from, number}]->(:Unit)   by the decisions that are in force
    (:Entry {version, position}), each of one of these too:
        (:Founding {code, …})-[:FOUNDED]->(:Unit)
        (:Decision {number, …})                   reversed_version and what follows, once reversed
        (:Change {number, …})-[:OF]->(:Decision), -[:CHANGES]->(:Unit), -[:NAMES]->(:Unit)
        (:Reversal {number, …})

A unit that was founded by a decision since reversed keeps its node, for its code stays used, but
no days. Pure: it opens no session and knows no rule of the tree (`hierarchy/neo4j.py` does the
one, `hierarchy/timeline.py` the other).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any, LiteralString

from hierarchy.decision import Change, ChangeKind, Decision, Proposal, Reversal
from hierarchy.store import Line, Told
from hierarchy.timeline import Judged, Lifeline
from hierarchy.unit import Founding

Row = dict[str, Any]

SCHEMA: tuple[LiteralString, ...] = (
    "CREATE CONSTRAINT tree_id IF NOT EXISTS FOR (tree:Tree) REQUIRE tree.id IS UNIQUE",
    "CREATE CONSTRAINT stage_id IF NOT EXISTS FOR (stage:Stage) REQUIRE stage.id IS UNIQUE",
    "CREATE CONSTRAINT unit_code IF NOT EXISTS FOR (unit:Unit) REQUIRE unit.code IS UNIQUE",
    "CREATE INDEX unit_version IF NOT EXISTS FOR (unit:Unit) ON (unit.version)",
    "CREATE CONSTRAINT entry_position IF NOT EXISTS "
    "FOR (entry:Entry) REQUIRE (entry.version, entry.position) IS UNIQUE",
    "CREATE INDEX founding_parent IF NOT EXISTS FOR (entry:Founding) ON (entry.parent_code)",
    "CREATE CONSTRAINT decision_number IF NOT EXISTS "
    "FOR (decision:Decision) REQUIRE decision.number IS UNIQUE",
    "CALL db.awaitIndexes(600)",
    "MERGE (tree:Tree {id: 1}) ON CREATE SET tree.version = 0 MERGE (:Stage {id: 1})",
)

# The tree's lock and version, and the stage

LOCK: LiteralString = "MATCH (tree:Tree {id: 1}) SET tree.lock = true"
VERSION: LiteralString = "MATCH (tree:Tree {id: 1}) RETURN tree.version"
PUBLISH: LiteralString = "MATCH (tree:Tree {id: 1}) SET tree.version = $version"

OPEN_STAGE: LiteralString = "MATCH (stage:Stage {id: 1}) SET stage.writer = $writer"
LOCK_STAGE: LiteralString = "MATCH (stage:Stage {id: 1}) SET stage.lock = true"
WRITER: LiteralString = "MATCH (stage:Stage {id: 1}) RETURN stage.writer"
SWEEPS: tuple[LiteralString, ...] = (
    """
    MATCH (entry:Entry) USING INDEX entry:Entry(version, position)
    WHERE entry.version > $version AND entry.position >= 0
    WITH entry LIMIT $batch DETACH DELETE entry RETURN count(*)
    """,
    """
    MATCH (unit:Unit) USING INDEX unit:Unit(version) WHERE unit.version > $version
    WITH unit LIMIT $batch DETACH DELETE unit RETURN count(*)
    """,
)

# What is looked up: everything of a version up to $last

_ENTRY: LiteralString = "labels(entry), properties(entry)"
ROOT: LiteralString = (
    f"MATCH (entry:Entry {{version: 1, position: 0}}) WHERE 1 <= $last RETURN {_ENTRY}, false"
)
ENTRIES: LiteralString = (
    "MATCH (entry:Entry) USING INDEX entry:Entry(version, position) "
    "WHERE $after < entry.version <= $last AND entry.position >= 0 "
    f"RETURN {_ENTRY} ORDER BY entry.version, entry.position"
)
TOLD: LiteralString = (
    "MATCH (entry:Entry) USING INDEX entry:Entry(version, position) "
    "WHERE 0 < entry.version <= $last AND entry.position >= 0 "
    "AND (entry:Founding OR entry:Change) OPTIONAL MATCH (entry)-[:OF]->(decision:Decision) "
    f"RETURN {_ENTRY}, coalesce(decision.reversed_version <= $last, false)"
)
_WITH_ITS_DECISION: LiteralString = (
    "WHERE entry.version <= $last OPTIONAL MATCH (entry)-[:OF]->(decision:Decision) "
    f"RETURN {_ENTRY}, coalesce(decision.reversed_version <= $last, false)"
)
LINES_OF: LiteralString = (
    "UNWIND $codes AS code MATCH (unit:Unit {code: code}) USING INDEX unit:Unit(code) "
    f"MATCH (unit)<-[:FOUNDED|CHANGES]-(entry:Entry) {_WITH_ITS_DECISION}"
)
FOUNDED_UNDER: LiteralString = (
    "UNWIND $codes AS code MATCH (entry:Founding {parent_code: code}) "
    f"USING INDEX entry:Founding(parent_code) WHERE entry.version <= $last RETURN {_ENTRY}, false"
)
CHANGES_NAMING: LiteralString = (
    "UNWIND $codes AS code MATCH (unit:Unit {code: code}) USING INDEX unit:Unit(code) "
    f"MATCH (unit)<-[:NAMES]-(entry:Change) {_WITH_ITS_DECISION}"
)
SPLITS: LiteralString = (
    "UNWIND $codes AS code MATCH (unit:Unit {code: code}) USING INDEX unit:Unit(code) "
    f"MATCH (unit)<-[:NAMES]-(entry:Change {{change: 'SPLIT'}}) {_WITH_ITS_DECISION}"
)
ANY_DECISION: LiteralString = (
    "MATCH (decision:Decision) WHERE decision.version <= $last RETURN true LIMIT 1"
)
DECISION: LiteralString = (
    "MATCH (entry:Decision {number: $number}) WHERE entry.version <= $last "
    "RETURN properties(entry), entry.reversed_version <= $last"
)
ISSUED_BY: LiteralString = (
    "MATCH (decision:Decision) WHERE decision.issued_by IN $codes AND decision.version <= $last "
    "AND NOT coalesce(decision.reversed_version <= $last, false) RETURN decision.number"
)
CHANGES: LiteralString = (
    "MATCH (:Decision {number: $number})<-[:OF]-(entry:Change) "
    "RETURN properties(entry) ORDER BY entry.version, entry.position"
)

_ON_THE_DAY: LiteralString = (
    "placement.from <= $as_of AND (placement.to IS NULL OR $as_of < placement.to)"
)
_STANDING: LiteralString = (
    "MATCH (unit:Unit {code: $code}) WHERE unit.version <= $last AND unit.stands_from <= $as_of"
)
ABOVE: LiteralString = f"""{_STANDING}
MATCH way = (unit)-[placements:PART_OF*0..]->(:Unit)
WHERE all(placement IN placements WHERE {_ON_THE_DAY})
RETURN [above IN reverse(nodes(way)) | above.code] ORDER BY length(way) DESC LIMIT 1
"""
BELOW: LiteralString = f"""{_STANDING}
MATCH (unit)<-[placements:PART_OF*0..]-(below:Unit)
WHERE all(placement IN placements WHERE {_ON_THE_DAY}) AND below.version <= $last
RETURN below.code
"""

# What is added: of a version that nobody reads yet, so that it may be written in batches

_FOUND: LiteralString = """
UNWIND $rows AS row
CREATE (unit:Unit {
    code: row.code, version: row.version, established_on: row.established_on,
    stands_from: row.stands_from, closed_on: row.closed_for_good_on
})
CREATE (entry:Entry:Founding {
    version: row.version, position: row.position,
    code: row.code, parent_code: row.parent_code, name: row.name, kind: row.kind,
    category: row.category, established_on: row.established_on, closed_on: row.closed_on
})
CREATE (entry)-[:FOUNDED]->(unit)
"""
_ADD_UNITS: LiteralString = "UNWIND $rows AS row CREATE (unit:Unit) SET unit = row"
_ADD_DECISIONS: LiteralString = (
    "UNWIND $rows AS row CREATE (decision:Entry:Decision) SET decision = row"
)
_ADD_CHANGES: LiteralString = """
UNWIND $rows AS row
MATCH (unit:Unit {code: row.code}) USING INDEX unit:Unit(code)
MATCH (decision:Decision {number: row.number}) USING INDEX decision:Decision(number)
CREATE (entry:Entry:Change) SET entry = row
CREATE (entry)-[:OF]->(decision)
CREATE (entry)-[:CHANGES]->(unit)
WITH entry, row WHERE row.other_code IS NOT NULL
MATCH (other:Unit {code: row.other_code}) USING INDEX other:Unit(code)
CREATE (entry)-[:NAMES]->(other)
"""
_PLACE: LiteralString = """
UNWIND $rows AS row
MATCH (unit:Unit {code: row.code}) USING INDEX unit:Unit(code)
MATCH (above:Unit {code: row.parent_code}) USING INDEX above:Unit(code)
CREATE (unit)-[:PART_OF {from: row.from, to: row.to}]->(above)
"""

# What becomes other than it was: only ever in the transaction that publishes it

_SET_DAYS: LiteralString = """
UNWIND $rows AS row
MATCH (unit:Unit {code: row.code}) USING INDEX unit:Unit(code)
SET unit.established_on = row.established_on, unit.stands_from = row.stands_from,
    unit.closed_on = row.closed_on
"""
_TAKE_OUT: LiteralString = """
UNWIND $rows AS row
MATCH (unit:Unit {code: row.code}) USING INDEX unit:Unit(code)
MATCH (unit)-[placement:PART_OF]->() DELETE placement
"""
_SUCCEED: LiteralString = """
UNWIND $rows AS row
MATCH (unit:Unit {code: row.code}) USING INDEX unit:Unit(code)
MATCH (successor:Unit {code: row.successor}) USING INDEX successor:Unit(code)
CREATE (unit)-[:SUCCEEDED_BY {from: row.from, number: row.number}]->(successor)
"""
REVERSE: LiteralString = """
MATCH (decision:Decision {number: $number})
SET decision.reversed_version = $version, decision.reversed_at = $at, decision.reason = $reason
CREATE (:Entry:Reversal {
    version: $version, position: 0, number: $number, reversed_at: $at, reason: $reason
})
"""
END_SUCCESSION: LiteralString = """
MATCH (:Decision {number: $number})<-[:OF]-(:Change)-[:CHANGES]->(unit:Unit)
MATCH (unit)-[succession:SUCCEEDED_BY {number: $number}]-() DELETE succession
"""

Part = tuple[LiteralString, list[Row]]
"""A statement with the rows it goes through as `$rows`."""


@dataclass(frozen=True, slots=True)
class Addition:
    """What one write adds: `new` of a version that nobody reads yet, part after part, and
    `in_place` what changes about units that were there, for the publishing transaction alone."""

    version: int
    new: tuple[Part, ...]
    in_place: tuple[Part, ...]


def addition(version: int, judged: Judged, proposals: Sequence[Proposal]) -> Addition:
    """The rows of a version: the units founded, then each decision before its changes."""
    lives = judged.lifelines
    foundings = [
        _founding_row(version, position, founding, lives[founding.code])
        for position, founding in enumerate(judged.foundings)
    ]
    decisions, changes = _decision_rows(version, len(foundings), proposals, judged.kept)
    lines = [line for kept in judged.kept for line in kept]
    established = [line.unit_code for line in lines if line.founds]
    units = [{"version": version, **_days(code, lives.get(code))} for code in established]
    new = {row["code"] for row in (*foundings, *units)}
    return Addition(
        version,
        new=(
            (_FOUND, foundings),
            (_ADD_UNITS, units),
            (_ADD_DECISIONS, decisions),
            (_ADD_CHANGES, changes),
            (_PLACE, [row for code in new for row in _placements(code, lives.get(code))]),
        ),
        in_place=(
            *changed(judged.changed - new, lives),
            (_SUCCEED, [row for row in map(_succession, changes) if row]),
        ),
    )


def changed(codes: Collection[str], lives: Mapping[str, Lifeline]) -> tuple[Part, ...]:
    """What brings units that are there to their lifelines; one without stands on no day."""
    days = [_days(code, lives.get(code)) for code in codes]
    placements = [row for code in codes for row in _placements(code, lives.get(code))]
    return (_SET_DAYS, days), (_TAKE_OUT, days), (_PLACE, placements)


def line_of(labels: Collection[str], fields: Mapping[str, Any]) -> Line:
    """The line that an entry of the graph holds."""
    if "Founding" in labels:
        return _founding(fields)
    if "Change" in labels:
        return change_of(fields)
    return decision_of(fields) if "Decision" in labels else reversal_of(fields)


def told_of(labels: Collection[str], fields: Mapping[str, Any], is_reversed: bool) -> Told:
    place = fields["version"], fields["position"]
    if "Founding" in labels:
        return Told(*place, _founding(fields))
    effective_on = _day(fields["effective_on"])
    return Told(*place, change_of(fields), fields["number"], effective_on, is_reversed)


def change_of(fields: Mapping[str, Any]) -> Change:
    return Change(
        ChangeKind(fields["change"]),
        fields["code"],
        fields.get("other_code"),
        fields.get("name"),
        fields.get("kind"),
        fields.get("category"),
        fields["keeps_category"],
        fields["implied"],
    )


def decision_of(fields: Mapping[str, Any]) -> Decision:
    issued_on, effective_on = fields["issued_on"], fields["effective_on"]
    return Decision(
        fields["number"],
        fields["title"],
        fields["issued_by"],
        issued_on.to_native(),
        effective_on.to_native(),
        _moment(fields["recorded_at"]),
        fields.get("client_key"),
    )


def reversal_of(fields: Mapping[str, Any]) -> Reversal:
    return Reversal(fields["number"], _moment(fields["reversed_at"]), fields["reason"])


def _founding(fields: Mapping[str, Any]) -> Founding:
    return Founding(
        fields["code"],
        fields.get("parent_code"),
        fields["name"],
        fields["kind"],
        fields.get("category"),
        fields["established_on"].to_native(),
        _day(fields.get("closed_on")),
    )


def _day(value: Any) -> date | None:
    return value and value.to_native()  # type: ignore[no-any-return]


def _moment(value: Any) -> datetime:
    native: datetime = value.to_native()
    return native.astimezone(UTC)


def _founding_row(version: int, position: int, founding: Founding, life: Lifeline) -> Row:
    days = {"stands_from": life.stands_from, "closed_for_good_on": life.closed_on}
    return asdict(founding) | days | {"version": version, "position": position}


def _decision_rows(
    version: int, position: int, proposals: Sequence[Proposal], kept: Sequence[Sequence[Change]]
) -> tuple[list[Row], list[Row]]:
    """The heads and the changes of decisions, in one row of positions from this one on."""
    heads, changes = [], []
    for proposal, lines in zip(proposals, kept, strict=True):
        head = proposal.decision
        heads.append(asdict(head) | {"version": version, "position": position})
        for at, line in enumerate(lines, position + 1):
            changes.append({"version": version, "position": at, **_change_row(head, line)})
        position += 1 + len(lines)
    return heads, changes


def _change_row(head: Decision, line: Change) -> Row:
    row = asdict(line)
    row |= {"change": line.change.value, "code": row.pop("unit_code")}
    return row | {"number": head.number, "effective_on": head.effective_on}


def _succession(change: Row) -> Row | None:
    """Who takes over from whom by a change; null where nobody does."""
    days = {"from": change["effective_on"], "number": change["number"]}
    match ChangeKind(change["change"]):
        case ChangeKind.MERGE:
            return days | {"code": change["code"], "successor": change["other_code"]}
        case ChangeKind.SPLIT:
            return days | {"code": change["other_code"], "successor": change["code"]}
    return None


def _days(code: str, life: Lifeline | None) -> Row:
    names = ("established_on", "stands_from", "closed_on")
    return {"code": code} | {name: getattr(life, name, None) for name in names}


def _placements(code: str, life: Lifeline | None) -> Iterator[Row]:
    """The spans in which a unit has one parent, the last one without end."""
    end: date | None = None
    for valid_from, parent_code in reversed([*_spans(life)] if life else []):
        yield {"code": code, "parent_code": parent_code, "from": valid_from, "to": end}
        end = valid_from


def _spans(life: Lifeline) -> Iterator[tuple[date, str | None]]:
    """The days on which a unit comes to stand under another parent, and that parent."""
    before: str | None = None
    for version in life.versions:
        if version.parent_code != before:
            before = version.parent_code
            yield version.valid_from, before
