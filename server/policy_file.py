"""A file with a whole policy: CSV of the same columns as `authz/default_policy.csv`.

What is wrong is told with file and line, all of it at once. It is written in the same form, so
that what was shown may be set again. What the rules would change is not asked here.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import astuple, fields
from pathlib import Path

from authz.policy import Rule
from authz.rules import Row, form_faults, policy_faults, sense_faults
from hierarchy.unit import Kinds
from server.folder.faults import Faults
from server.folder.lines import Sheet

HEADER = tuple(field.name for field in fields(Rule))


def read_policy(path: Path, kinds: Kinds, held: Mapping[str, int]) -> list[Rule]:
    """The rules of a file, in its order. `held` are the roles that appointments hold, with how
    many.

    Raises `LoadRefused` with everything that is wrong, and `BadInput` where it cannot be read.
    """
    faults = Faults()
    report = faults.of(str(path))
    sheet = Sheet(path, [HEADER])
    rows = [
        Row(line, Rule(*cells))
        for batch in sheet.batches(report)
        for line, cells in zip(batch.lines, batch.rows, strict=True)
    ]
    amiss = dict.fromkeys(form_faults(rows, kinds))
    sound = {line for line, _ in amiss}.isdisjoint
    amiss |= dict.fromkeys(sense_faults([row for row in rows if sound([row.line])], kinds))
    if sheet.whole:
        amiss |= dict.fromkeys(policy_faults(rows, held))
    for fault in amiss:
        report(*fault)
    faults.refuse()
    return [row.rule for row in rows]


def written(rules: Iterable[Rule]) -> str:
    """The rules as such a file."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(astuple(rule) for rule in rules)
    return lines.getvalue()
