"""Random `record…` mutations: what is stored joins the model, what is refused says why.

Each input has one fault at most, so that the code and the field are beyond doubt. Where the
contract leaves a choice of fields or codes, any of them will do:

 a. recording for a closed unit by who else might: FORBIDDEN or BAD_USER_INPUT;
 b. a status and dates that disagree name any field of the two; a negative number that drags
    another field with it names either; a second evaluation names `year` or `unitCode`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.answers import Answers
from tests.oracle.examination import Examination, Finding
from tests.oracle.model import ENUMERATIONS, MEMBER_COUNTS, Record
from tests.oracle.questions import RECORD_FIELDS, Field, as_json, plain

Input = dict[str, Any]
Verdict = tuple[set[str], set[str]]
"""The codes and the fields with which the input may be refused; empty sets: it is stored."""
STORED: Verdict = (set(), set())
FORBIDDEN: Verdict = ({"FORBIDDEN"}, set())
Fault = tuple[Input, tuple[str, ...], bool]
"""A change to an input, the fields it may be refused with, whether the input alone shows it."""


def bad(*fields: str) -> Verdict:
    return {"BAD_USER_INPUT"}, set(fields)


class Recording:
    """Records in the store that an examination asks about."""

    def __init__(self, examination: Examination) -> None:
        self.examination, self.model = examination, examination.model
        self.random, self.today = examination.random, examination.model.today
        self.keys: list[tuple[str, str, Input, str]] = []

    def run(self, times: int) -> Iterator[Finding]:
        for _ in range(times):
            choices = [self.one] * 6 + [self.together] + [self.again] * 2
            yield from self.random.choice(choices)()

    # ---- what is sent

    def one(self) -> Iterator[Finding]:
        """One mutation: stored and answered, or refused."""
        principal, resource, input, verdict = self._draw()
        if self.random.random() < 0.3:
            input["clientKey"] = self.random.choice(["khóa ", "key "]) + str(self.random.random())
        body = self._send(principal, [(resource, input)])
        yield from self._judge(principal, resource, input, verdict, body)

    def together(self) -> Iterator[Finding]:
        """Two in one request, the second refused: neither is stored."""
        principal, resource, input, verdict = self._draw()
        wrong = {**input, "unitCode": "there is no such unit"}
        if verdict != STORED:
            return
        body = self._send(principal, [(resource, input), (resource, wrong)])
        codes = [error["extensions"]["code"] for error in body.get("errors") or []]
        if body.get("data") is not None or "NOT_FOUND" not in codes:
            yield self._finding(principal, resource, wrong, f"expected NOT_FOUND, got {body}")

    def again(self) -> Iterator[Finding]:
        """A key that was used: the same content answers with what is there, other content not."""
        if not self.keys:
            return
        principal, resource, input, identifier = self.random.choice(self.keys)
        body = self._send(principal, [(resource, input)])
        got = ((body.get("data") or {}).get("m0") or {}).get("id")
        if got != identifier:
            what = f"same key and content: expected id {identifier}, got {body}"
            yield self._finding(principal, resource, input, what)
        name = (
            "regulation"
            if resource == "evaluation"
            else {"meeting": "topic"}.get(resource, "theme")
        )
        other = {**input, name: "something else"}
        body = self._send(principal, [(resource, other)])
        if [error["extensions"]["code"] for error in body.get("errors") or []] != ["CONFLICT"]:
            what = f"same key, other content: expected CONFLICT, got {body}"
            yield self._finding(principal, resource, other, what)

    def _send(self, principal: str, inputs: list[tuple[str, Input]]) -> Any:
        declared = ", ".join(
            f"$i{n}: Record{resource.capitalize()}Input!" for n, (resource, _) in enumerate(inputs)
        )
        parts = [
            f"m{n}: record{resource.capitalize()}(input: $i{n}) "
            f"{{ id unit {{ code }} {' '.join(RECORD_FIELDS[resource])} }}"
            for n, (resource, _) in enumerate(inputs)
        ]
        variables = {f"i{n}": as_json(input) for n, (_, input) in enumerate(inputs)}
        text = f"mutation({declared}) {{ {' '.join(parts)} }}"
        return self.examination.get(principal, text, variables)

    def _judge(
        self, principal: str, resource: str, input: Input, verdict: Verdict, body: Any
    ) -> Iterator[Finding]:
        codes, fields = verdict
        if codes:
            extensions = [error.get("extensions") or {} for error in body.get("errors") or [{}]]
            code, field = extensions[0].get("code"), extensions[0].get("field")
            if code not in codes or (code == "BAD_USER_INPUT" and fields and field not in fields):
                what = f"expected {codes} on {fields or 'any field'}, got {code} on {field}: {body}"
                yield self._finding(principal, resource, input, what)
            return
        record = stored(resource, input)
        selection = (*plain(*RECORD_FIELDS[resource]), Field("unit", {}, plain("code")))
        answers = Answers(self.model, principal)
        expected = answers.record(resource, record, Field("m0", {}, selection))
        found = list(self.examination.compare_body({"m0": expected}, body))
        for what in found:
            yield self._finding(principal, resource, input, what)
        if body.get("data"):
            self.model.records[resource].append(record)
            if "clientKey" in input:
                self.keys.append((principal, resource, input, body["data"]["m0"]["id"]))

    def _finding(self, principal: str, resource: str, input: Input, what: str) -> Finding:
        return Finding(
            self.examination.seed, principal, f"record {resource}", as_json(input), what[:1500]
        )

    # ---- inputs and what becomes of them

    def _draw(self) -> tuple[str, str, Input, Verdict]:
        """A viewer, an input with one fault at most, and how it must end."""
        random = self.random
        resource = random.choice(list(RECORD_FIELDS))
        able = [
            name
            for name in self.examination.principals
            if self.model.reach(name, resource, "record", self.today)
        ]
        principal = random.choice(
            able if able and random.random() < 0.8 else self.examination.principals
        )
        mine = sorted(self.model.reach(principal, resource, "record", self.today))
        code = random.choice(mine if mine and random.random() < 0.8 else sorted(self.model.units))
        input = self._input(principal, resource, code)
        ruling = self._ruling(principal, resource, input)
        if random.random() < 0.45:
            change, fields, alone = self._fault(resource, input)
            if alone or ruling == STORED:
                input, ruling = {**input, **change}, bad(*fields)
                if not alone and self._closed_to(principal, resource, input):
                    ruling = FORBIDDEN
        if ruling == STORED and resource == "evaluation" and self._rated(input):
            ruling = bad("year", "unitCode")
        return principal, resource, input, ruling

    def _rated(self, input: Input) -> bool:
        return any(
            (record["unit"], record["year"]) == (input["unitCode"], input["year"])
            for record in self.model.records["evaluation"]
        )

    def _ruling(self, principal: str, resource: str, input: Input) -> Verdict:
        """How a faultless input ends, by what the viewer sees and may do."""
        units = {input["unitCode"], input.get("byUnitCode", input["unitCode"])}
        if units - self.model.visible(principal, self.today):
            return {"NOT_FOUND"}, set()
        if units - self.model.reach(principal, resource, "record", self.today):
            return FORBIDDEN
        if self._closed_to(principal, resource, input):
            return FORBIDDEN
        if self.model.closed(input["unitCode"], self.today):
            return {"FORBIDDEN", "BAD_USER_INPUT"}, set()
        if input.get("byUnitCode", input["unitCode"]) not in self._above(resource, input):
            return bad("byUnitCode")
        return STORED

    def _closed_to(self, principal: str, resource: str, input: Input) -> bool:
        """Whether the year is closed: after 31 March of the next only who holds the right above
        the unit that is directly above records an evaluation."""
        if resource != "evaluation" or self.today <= date(input["year"] + 1, 3, 31):
            return False
        code = input["unitCode"]
        above = self.model.path(code, self.today)[:-2]
        return not any(
            office.unit in above and self.model.gives(office, resource, "record", code, self.today)
            for office in self.model.in_force(principal)
        )

    def _above(self, resource: str, input: Input) -> list[str]:
        """The units that may inspect: those above on the inspection's day."""
        if resource != "inspection":
            return [input["unitCode"]]
        day = input.get("concludedOn") or input.get("openedOn") or input["plannedFor"]
        return self.model.path(input["unitCode"], day)

    def _input(self, principal: str, resource: str, code: str) -> Input:
        random = self.random
        first = min(self.model.start(code), self.today)
        day = first + timedelta(days=random.randint(0, (self.today - first).days))
        day = random.choice([day, self.today, first])
        if resource == "meeting":
            return self._meeting(code, day)
        if resource == "evaluation":
            return self._evaluation(code, random.choice([day.year, self.today.year]))
        near = [*self.model.path(code, self.today), code]
        if random.random() < 0.2:
            near = sorted(self.model.units)
        mine = self.model.reach(principal, "inspection", "record", self.today)
        return self._inspection(code, random.choice([by for by in near if by in mine] or near), day)

    def _meeting(self, code: str, day: date) -> Input:
        random, expected = self.random, self.random.choice([0, 5, 30])
        optional = {
            "topic": random.choice([None, "Chuyên đề 😀", ""]),
            "documentsSentOn": random.choice([None, day, day - timedelta(days=3)]),
            "minutesKept": random.choice([True, False]),
            "attendedByHigherCommittee": random.choice([True, False]),
            "score": random.choice([None, 0, 100, 89.95]),
        }
        kept = random.sample(list(optional), random.randint(0, 5))
        return {
            "unitCode": code,
            "heldOn": day,
            "kind": random.choice(ENUMERATIONS["MeetingKind"]),
            "form": random.choice(ENUMERATIONS["MeetingForm"]),
            "membersExpected": expected,
            "membersPresent": random.randint(0, expected),
            **{name: optional[name] for name in kept if optional[name] != ""},
        }

    def _evaluation(self, code: str, year: int) -> Input:
        random = self.random
        counts = [random.choice([0, 2, 9]) for _ in range(4)]
        goods = ["politicalTask", "meetingQuality", "unityDiscipline", "cadresMembers"]
        chosen = random.sample(goods, random.choice([0, 3, 4, 4]))
        return {
            "unitCode": code,
            "year": year,
            "rating": random.choice(ENUMERATIONS["Rating"]),
            "regulation": "366-QĐ/TW",
            **{name: random.choice([True, True, False, None]) for name in chosen},
            **dict(zip(MEMBER_COUNTS, [sum(counts), *counts], strict=True)),
        }

    def _inspection(self, code: str, by: str, day: date) -> Input:
        random = self.random
        status = random.choice(ENUMERATIONS["InspectionStatus"])
        ahead = self.today + timedelta(days=200)
        quarter = date(ahead.year, (ahead.month - 1) // 3 * 3 + 1, 1)
        closed_on = self.model.units[code].closed_on
        if status == "PLANNED" and closed_on is not None and closed_on <= quarter:
            status = "OPEN"
        days: Input = {"PLANNED": {"plannedFor": quarter}, "OPEN": {"openedOn": day}}.get(
            status, {"openedOn": day}
        )
        if status == "CONCLUDED":
            days = {"openedOn": day, "concludedOn": min(day + timedelta(days=2), self.today)}
        covered = random.choice([0, 4])
        return {
            "unitCode": code,
            "byUnitCode": by,
            "body": random.choice(ENUMERATIONS["InspectionBody"]),
            "kind": random.choice(ENUMERATIONS["InspectionKind"]),
            "ground": random.choice(ENUMERATIONS["InspectionGround"]),
            "status": status,
            **days,
            **random.choice([{}, {"membersCovered": covered, "membersInViolation": covered // 2}]),
        }

    # ---- faults

    def _fault(self, resource: str, input: Input) -> Fault:
        """A change that puts one fault into the input."""
        faults = {
            "meeting": self._meeting_faults,
            "evaluation": self._evaluation_faults,
            "inspection": self._inspection_faults,
        }[resource](input)
        return self.random.choice(faults)

    def _meeting_faults(self, input: Input) -> list[Fault]:
        day = timedelta(days=1)
        held_on = input["heldOn"]
        early = self.model.start(input["unitCode"]) - day
        return [
            ({"membersPresent": input["membersExpected"] + 1}, ("membersPresent",), True),
            ({"score": self.random.choice([-0.01, 100.01])}, ("score",), True),
            ({"documentsSentOn": held_on + day}, ("documentsSentOn",), True),
            ({"membersPresent": -1}, ("membersPresent",), True),
            ({"membersExpected": 1_000_001}, ("membersExpected",), True),
            ({"heldOn": self.today + day, "documentsSentOn": None}, ("heldOn",), False),
            ({"heldOn": early, "documentsSentOn": None}, ("heldOn",), False),
        ]

    def _evaluation_faults(self, input: Input) -> list[Fault]:
        early = self.model.start(input["unitCode"]).year - 1
        none = dict.fromkeys(MEMBER_COUNTS, 0)
        negative = none | {"membersGood": -1, "membersCompleted": 1}
        huge = none | {"membersRated": 1_000_001, "membersGood": 1_000_001}
        return [
            ({"membersRated": input["membersRated"] + 1}, ("membersRated",), True),
            (negative, ("membersGood",), True),
            (huge, ("membersRated", "membersGood"), True),
            ({"year": early}, ("year",), False),
            ({"year": self.today.year + 1}, ("year",), False),
        ]

    def _inspection_faults(self, input: Input) -> list[Fault]:
        day = timedelta(days=1)
        early = self.model.start(input["unitCode"]) - day
        bare = {"plannedFor": None, "openedOn": None, "concludedOn": None}
        dates = ("status", "plannedFor", "openedOn", "concludedOn")
        opened = bare | {"status": "OPEN", "openedOn": self.today}
        backwards = {"openedOn": self.today, "concludedOn": self.today - day}
        return [
            ({"membersCovered": 1, "membersInViolation": 2}, ("membersInViolation",), True),
            ({"membersSanctioned": -1}, ("membersSanctioned",), True),
            ({"membersCovered": 1_000_001}, ("membersCovered",), True),
            (bare | {"status": "PLANNED"}, dates, True),
            (bare | {"status": "OPEN"}, dates, True),
            (opened | {"status": "CONCLUDED"}, dates, True),
            (opened | {"status": "PLANNED"}, dates, True),
            (opened | {"concludedOn": self.today}, dates, True),
            (bare | {"status": "CONCLUDED"} | backwards, ("openedOn", "concludedOn"), True),
            (bare | {"status": "PLANNED", "plannedFor": date(self.today.year, 2, 1)},
             ("plannedFor",), True),
            (opened | {"openedOn": self.today + day}, ("openedOn",), False),
            (opened | {"openedOn": early}, ("openedOn",), False),
        ]  # fmt: skip


def stored(resource: str, input: Input) -> Record:
    """The record that an accepted input becomes."""
    names = [n for n in RECORD_FIELDS[resource] if n not in ("revision", "fourGoods")]
    record: Record = {name: input.get(name) for name in names}
    record["unit"] = input["unitCode"]
    if resource == "meeting":
        score = input.get("score")
        record["score"] = None if score is None else Fraction(str(score))
        for name in ("minutesKept", "attendedByHigherCommittee"):
            record[name] = input.get(name) or False
    if resource == "inspection":
        record["by"] = input["byUnitCode"]
        for name in ("membersCovered", "membersInViolation", "membersSanctioned"):
            record[name] = input.get(name) or 0
    return record
