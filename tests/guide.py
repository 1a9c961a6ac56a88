"""docs/frontends.md as somebody does it: its files written, its commands run, its page opened.

A block with a file's name is that file; a block of `bash` is run, in the order of the page. What
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
BLOCK = re.compile(
    r"^```(?P<language>bash|js|html)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$", re.M | re.S
)
PATIENCE = 60
"""Seconds within which a page shows what it is waited for."""


@dataclass(frozen=True)
class Guide:
    """The page, in a folder of its own; `environment` has the address of the server."""

    folder: Path
    environment: dict[str, str]

    @classmethod
    def begun(cls, folder: Path, today: str, **environment: str) -> Guide:
        """With the files written, and with programs of this house in the place of the newcomer's:
        `npm install` finds what tests have installed, and `date` says what day it is there."""
        for block in BLOCK.finditer(GUIDE.read_text("utf-8")):
            if block["file"]:
                (folder / block["file"]).write_text(block["text"], "utf-8")
        programs = folder / "bin"
        programs.mkdir()
        wanted = f'ln -s "{clients.FOLDER}/node_modules" .'
        _program(programs / "npm", wanted)
        _program(programs / "date", f"echo {today}")
        _program(programs / "node", f'exec "{node_and_npm()[0]}" "$@"')
        path = os.pathsep.join(
            [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
        )
        return cls(folder, {**os.environ, "PATH": path, **environment})

    def commands(self, chapter: int) -> str:
        """The commands of a chapter, by its number."""
        [text] = re.findall(
            rf"^## {chapter}\. (.*?)(?=^## |\Z)", GUIDE.read_text("utf-8"), re.M | re.S
        )
        return "".join(block["text"] for block in BLOCK.finditer(text) if not block["file"])

    def run(self, commands: str) -> str:
        """What commands print. Raises AssertionError with their words where one fails."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

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
