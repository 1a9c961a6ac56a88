"""docs/frontends.md as somebody does it: its files written, its commands run, its page opened.

A block with a file's name is that file; a block of `bash` is run, in the order of the page, in one
shell that knows nothing beforehand. What
stands indented is not run: it starts the demo and a server of files, which the test does itself.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from page.bundle import node_and_npm
from tests import clients

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "frontends.md"
WHOLE = re.M | re.S
BLOCK = re.compile(r"^```(?:bash|js|html)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$", WHOLE)
END = "--- done ---"
PATIENCE = 60
"""Seconds within which a page shows what it is waited for."""


class Guide:
    """The page, done chapter by chapter in one shell that begins in a folder like a checkout's."""

    def __init__(self, folder: Path, home: Path, server: str, today: str) -> None:
        """A checkout with its `.venv` and the `.chibo` of the store, and programs of this house in
        the place of the newcomer's: `npm install` finds what tests have installed, and `date`
        says what day it is at the server, which stands in the place of the demo's."""
        self._text = GUIDE.read_text("utf-8").replace("http://127.0.0.1:8000", server)
        self.folder = folder / "my-page"
        (folder / ".chibo").symlink_to(home)
        programs = folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        (programs / "chibo").symlink_to(Path(sys.executable).with_name("chibo"))
        _program(programs / "npm", f'ln -s "{clients.FOLDER}/node_modules" .')
        _program(programs / "date", f"echo {today}")
        _program(programs / "node", f'exec "{node_and_npm()[0]}" "$@"')
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CHIBO")}
        self._shell = subprocess.Popen(
            ["bash", "-euo", "pipefail"], cwd=folder, env=kept, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def __enter__(self) -> Guide:
        return self

    def __exit__(self, *_: object) -> None:
        self._shell.kill()
        self._shell.wait()

    def chapter(self, number: int) -> str:
        """Writes a chapter's files and runs its commands: what these print. Raises AssertionError
        with their words where one fails."""
        chapters = re.findall(r"^## (\d+)\.(.*?)(?=^## |\Z)", self._text, WHOLE)
        blocks = list(BLOCK.finditer(dict(chapters)[str(number)]))
        for block in blocks:
            if block["file"]:
                (self.folder / block["file"]).write_text(block["text"], "utf-8")
        return self.run("".join(block["text"] for block in blocks if not block["file"]))

    def run(self, commands: str) -> str:
        """What commands print."""
        assert self._shell.stdin and self._shell.stdout
        self._shell.stdin.write(f"{commands}\necho {END}\n")
        self._shell.stdin.flush()
        printed = ""
        for line in self._shell.stdout:
            if line.endswith(f"{END}\n"):
                return printed + line.removesuffix(f"{END}\n")
            printed += line
        raise AssertionError(printed)

    @contextmanager
    def page(self, fragment: str) -> Iterator[Page]:
        """The page, open with what stands behind the `#` of its address."""
        node, _ = node_and_npm()
        script = clients.FOLDER / "browser.mjs"
        process = subprocess.Popen(
            [node, str(script), str(self.folder), f"#{fragment}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            yield Page(process)
        finally:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Page:
    """An open page."""

    process: subprocess.Popen[str]

    def does(self, line: str) -> None:
        """Clicks or chooses (`tests/clients/browser.mjs`)."""
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def shows(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The page once it shows what is wanted."""
        assert self.process.stdout
        deadline = time.monotonic() + PATIENCE
        seen: dict[str, Any] = {}
        while time.monotonic() < deadline and (line := self.process.stdout.readline()):
            seen = json.loads(line)
            if wanted(seen):
                return seen
        raise AssertionError(seen)


def _program(file: Path, line: str) -> None:
    file.write_text(f"#!/bin/sh\n{line}\n")
    file.chmod(0o755)
