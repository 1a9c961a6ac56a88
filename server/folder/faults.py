"""What is wrong with a data folder: each fault with its file and the line on which its row begins.

The first `LIMIT` faults that are met are kept, the rest are counted. It never decides what a
fault is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hierarchy.errors import BadInput

LIMIT = 50
SHOWN = 60

Report = Callable[[int, str], None]
"""Told a line of one file and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; lines are counted from 1, the header's."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class LoadRefused(BadInput):
    """A folder that is not right: nothing of it was stored.

    `faults` are at most `LIMIT`, in the order of files and lines; `more` is how many there were
    beyond them. Its text is one line a fault.
    """

    def __init__(self, faults: Sequence[Fault], more: int = 0) -> None:
        lines = [str(fault) for fault in faults]
        if more:
            lines.append(f"and {more} more")
        super().__init__("{faults}", faults="\n".join(lines))
        self.faults = list(faults)
        self.more = more


class Faults:
    """The faults met so far, of all files."""

    def __init__(self) -> None:
        self._kept: list[Fault] = []
        self._files: list[str] = []
        self._count = 0

    def of(self, file: str) -> Report:
        """Where the faults of a file are reported."""
        self._files.append(file)

        def report(line: int, message: str) -> None:
            self._count += 1
            if len(self._kept) < LIMIT:
                self._kept.append(Fault(file, line, message))

        return report

    def refuse(self) -> None:
        """Raises `LoadRefused` where there is any fault."""
        if self._count:
            kept = sorted(self._kept, key=lambda it: (self._files.index(it.file), it.line))
            raise LoadRefused(kept, self._count - len(kept))


def shown(text: str) -> str:
    """A cell as it is quoted in a message: on one line and not too long."""
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")
