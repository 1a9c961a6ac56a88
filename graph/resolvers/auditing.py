"""How the trail is answered: the viewer's part of it, each entry told in the request's language.

What is seen of it is cut in the database (`records/audits.py`). `detail` is made from the facts of
an entry and never from what a record says; a reason that was given for changing a record is told
to whoever may read the record, one for reversing a decision to whoever sees the whole of that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from graph.language import said, word_said
from graph.resolvers import decisions
from graph.resolvers.connections import Connection, page_size
from graph.resolvers.context import Context
from graph.resolvers.cursors import ListName, entry_after
from graph.resolvers.identity import id_of
from graph.resolvers.units import readable, within
from hierarchy.scope import Scope
from hierarchy.unit import Placed
from hierarchy.words import Word
from records import audits
from records.audits import RECORDS, AuditListing, AuditScopes, EntrySeen

RECORDED_MEETING = "Recorded a meeting."
RECORDED_EVALUATION = "Recorded an evaluation."
RECORDED_INSPECTION = "Recorded an inspection."
REVISED_MEETING = "Revised a meeting, to revision {revision}."
REVISED_EVALUATION = "Revised an evaluation, to revision {revision}."
REVISED_INSPECTION = "Revised an inspection, to revision {revision}."
WITHDREW_MEETING = "Withdrew a meeting at revision {revision}."
WITHDREW_EVALUATION = "Withdrew an evaluation at revision {revision}."
WITHDREW_INSPECTION = "Withdrew an inspection at revision {revision}."
DECIDED = "Took the decision {number}."
REVERSED = "Reversed the decision {number}."
APPOINTED = "Appointed {appointed} as {role}, from {valid_from}."
APPOINTED_UNTIL = "Appointed {appointed} as {role}, from {valid_from} to before {valid_to}."
ENDED = "Ended the appointment of {appointed} as {role}, from {valid_to}."
GRANTED = "Granted sight to {to}, for {roles}."
TRIED_GRANT = "Tried to grant sight to {to}, and nothing was stored."
REVOKED = "Revoked a grant."
SAVED = "Saved the view {name}, revision {revision}."
DELETED = "Deleted the view {name}."
SET_POLICY = "Set the policy: {added} rules added, {removed} removed."
LOADED = "Loaded a folder: {files}."
EXPLAINED = "Had a right explained."
SHOWN = "Was shown open inspections on signs of violation: {count}."
OTHER = "Did {action} to {resource}."
BECAUSE = "{sentence} Reason: {reason}"

_SENTENCES = {
    ("record", "meeting"): RECORDED_MEETING,
    ("record", "evaluation"): RECORDED_EVALUATION,
    ("record", "inspection"): RECORDED_INSPECTION,
    ("revise", "meeting"): REVISED_MEETING,
    ("revise", "evaluation"): REVISED_EVALUATION,
    ("revise", "inspection"): REVISED_INSPECTION,
    ("withdraw", "meeting"): WITHDREW_MEETING,
    ("withdraw", "evaluation"): WITHDREW_EVALUATION,
    ("withdraw", "inspection"): WITHDREW_INSPECTION,
    ("decide", "decision"): DECIDED,
    ("reverse", "decision"): REVERSED,
    ("appoint", "appointment"): APPOINTED,
    ("end", "appointment"): ENDED,
    ("grant", "grant"): GRANTED,
    ("try", "grant"): TRIED_GRANT,
    ("revoke", "grant"): REVOKED,
    ("save", "view"): SAVED,
    ("delete", "view"): DELETED,
    ("set", "policy"): SET_POLICY,
    ("load", "folder"): LOADED,
    ("explain", "appointment"): EXPLAINED,
    ("read", "inspection"): SHOWN,
}

_NAMED = {
    "meeting": "Meeting",
    "evaluation": "Evaluation",
    "inspection": "Inspection",
    "appointment": "Appointment",
    "grant": "Grant",
    "decision": "Decision",
    "view": "View",
}
"""Things that have a global id."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks of the trail; `since` and `until` are both included."""

    within_code: str | None
    since: datetime | None
    until: datetime | None
    principal: str | None
    action: str | None
    first: int | None
    after: str | None


async def listed(context: Context, asked: Asked) -> Connection[EntrySeen]:
    """The entries in sight, newest first, of one unit's subtree or all."""
    size = page_size(asked.first)
    chosen = _utc(asked.since), _utc(asked.until), asked.principal, asked.action
    name = ListName(context.cursor_key, ("audit", asked.within_code, *chosen))
    start = entry_after(name, asked.after)
    inside = await within(context, asked.within_code, context.today)
    scopes = _scopes(context, await readable(context, "audit", inside))
    listing, ask = AuditListing(inside, *chosen), context.ask
    return Connection(
        size,
        lambda: ask(audits.first_entries, scopes, listing, start, size + 1),
        lambda: ask(audits.count_entries, scopes, listing),
        None if start is None else (lambda: ask(audits.count_entries, scopes, listing, start)),
        lambda entry: name.cursor(entry.at, str(entry.id)),
    )


def _utc(moment: datetime | None) -> datetime | None:
    """A moment as it is compared; one that UTC has no year for is at the end of time."""
    try:
        return moment and moment.astimezone(UTC)
    except OverflowError:
        end = datetime.min if moment and moment.year == 1 else datetime.max
        return end.replace(tzinfo=UTC)


def _scopes(context: Context, audit: Scope) -> AuditScopes:
    rights, today = context.rights, context.today
    return AuditScopes(
        today,
        audit,
        {resource: rights.scope("read", resource, today) for resource in RECORDS},
        {resource: rights.scope("summarise", resource, today) for resource in RECORDS},
        {resource: rights.scope("read", resource, today) for resource in ("appointment", "grant")},
    )


async def unit_of(context: Context, entry: EntrySeen) -> Placed | None:
    """The unit that the entry is about, as it stands today."""
    if entry.unit_id is None:
        return None
    found = await context.units([entry.unit_id], context.today)
    return found[0] if found else None


def subject(entry: EntrySeen) -> str | None:
    """The global id of what the entry is about, whether it is still there or not."""
    name = _NAMED.get(entry.resource)
    return id_of(name, entry.subject) if name and entry.subject is not None else None


# ---- what an entry says


async def detail(context: Context, entry: EntrySeen) -> str:
    """What was done, as a sentence."""
    values = _values(entry, context.language)
    try:
        sentence = said(_sentence(entry), values, context.language)
    except KeyError:
        sentence = said(OTHER, values, context.language)
    reason = entry.facts.get("reason")
    if not reason or not await _may_know(context, entry):
        return sentence
    return said(BECAUSE, {"sentence": sentence, "reason": reason}, context.language)


def _sentence(entry: EntrySeen) -> str:
    sentence = _SENTENCES.get((entry.action, entry.resource), OTHER)
    if sentence is APPOINTED and entry.facts.get("valid_to"):
        return APPOINTED_UNTIL
    return sentence


def _values(entry: EntrySeen, language: str) -> dict[str, Any]:
    """The places of a sentence: an entry's facts, lists in one line, and of rules how many."""
    values = {name: _line(value) for name, value in entry.facts.items()}
    values |= {"action": Word("Action", entry.action), "resource": Word("Resource", entry.resource)}
    if "role" in entry.facts:
        values["role"] = Word("Role", entry.facts["role"])
    if "roles" in entry.facts:
        roles = [word_said(Word("Role", role), language) for role in entry.facts["roles"]]
        values["roles"] = ", ".join(roles)
    if entry.resource == "policy":
        values |= {name: len(entry.facts.get(name, ())) for name in ("added", "removed")}
    return values | {"number": entry.subject, "count": entry.shown}


def _line(value: Any) -> Any:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        counts = ((name, each.get("new")) for name, each in value.items())
        return ", ".join(f"{name} +{new}" for name, new in counts)
    return value


async def _may_know(context: Context, entry: EntrySeen) -> bool:
    """Whether the reason of a change is for the viewer to know."""
    if entry.resource in RECORDS:
        return entry.may_read
    if entry.resource == "decision":
        found = await decisions.find(context, entry.subject or "")
        return found is not None and found.title is not None
    return True
