"""A Chibo as an operator runs it: commands, a server on a free port, questions over HTTP.

`Commands` runs `chibo` commands in forks of one process that has imported it once, since a fresh
interpreter for each of hundreds would cost minutes; the server is `.venv/bin/chibo serve` itself.
Run as `python -m tests.oracle.served` this module is that one process.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
CHIBO = str(Path(sys.executable).with_name("chibo"))
READY_WITHIN = 60


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it printed."""

    exit_code: int
    output: str
    errors: str

    @property
    def said(self) -> str:
        return self.output + self.errors


def environment(
    home: Path, today: date, database_url: str | None = None, tree: Any = None
) -> dict[str, str]:
    """The variables of one store; `tree` is a Neo4j (uri, user, password) or None: embedded."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHIBO_")}
    kept |= {"CHIBO_HOME": str(home), "CHIBO_TODAY": today.isoformat(), "COLUMNS": "300"}
    if database_url is not None:
        kept["CHIBO_DATABASE_URL"] = database_url
    if tree is not None:
        kept |= {"CHIBO_NEO4J_URI": tree.uri, "CHIBO_NEO4J_USER": tree.user}
        kept["CHIBO_NEO4J_PASSWORD"] = tree.password
    return kept


def run_chibo(arguments: list[str], variables: dict[str, str]) -> Outcome:
    """The installed command in a process of its own."""
    done = subprocess.run(
        [CHIBO, *arguments], env=variables, cwd=variables["CHIBO_HOME"], capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


class Commands:
    """Runs commands one after the other; close it when done."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.oracle.served"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Commands:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, arguments: list[str], variables: dict[str, str]) -> Outcome:
        assert self._process.stdin and self._process.stdout
        request = {"arguments": arguments, "variables": variables}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the process that runs the commands has ended")
        return Outcome(**json.loads(answer))

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=20)


class Served:
    """`chibo serve` over one store, for the length of a `with` block."""

    def __init__(self, commands: Commands, variables: dict[str, str]) -> None:
        self._commands, self._variables = commands, variables
        self._tokens: dict[str, str] = {}

    def __enter__(self) -> Served:
        port = _free_port()
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [CHIBO, "serve", "--port", str(port)], env=self._variables,
            cwd=self._variables["CHIBO_HOME"], stdout=self._log, stderr=self._log,
        )  # fmt: skip
        self.url = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def ask(self, principal: str, text: str, variables: dict[str, Any]) -> tuple[int, Any]:
        """The status, and the body as JSON, or as text where it is none."""
        payload = {"query": text, "variables": variables} if variables else {"query": text}
        headers = {"Authorization": f"Bearer {self.token(principal)}"}
        try:
            answer = self._client.post("/graphql", json=payload, headers=headers)
        except httpx.TransportError as error:
            ended = self._process.poll()
            raise RuntimeError(f"{error!r}; exit code {ended}; its log:\n{self.log()}") from error
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.text

    def token(self, principal: str) -> str:
        if principal not in self._tokens:
            outcome = self._commands.run(["token", principal, "--ttl", "7200"], self._variables)
            if outcome.exit_code:
                raise RuntimeError(f"chibo token: {outcome.said}")
            self._tokens[principal] = outcome.output.strip()
        return self._tokens[principal]

    def log(self) -> str:
        """What the server has printed so far; its end where that is long."""
        self._log.seek(0)
        return self._log.read()[-4000:]

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if self._client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        said = self.log()
        self.__exit__()
        raise RuntimeError(f"chibo serve did not become ready:\n{said}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ---- the process that forks


def _serve_commands() -> None:
    """Answer each line on standard input, a command as JSON, with its outcome on one line."""
    import server.commands
    import server.loading
    import server.serving

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        answer = _forked(server.commands.main, request["arguments"], request["variables"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _forked(main: Any, arguments: list[str], variables: dict[str, str]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            _become(main, arguments, variables, output.fileno(), errors.fileno())
        _, status = os.waitpid(child, 0)
        output.seek(0)
        errors.seek(0)
        return {
            "exit_code": os.waitstatus_to_exitcode(status),
            "output": output.read().decode(errors="replace"),
            "errors": errors.read().decode(errors="replace"),
        }


def _become(
    main: Any, arguments: list[str], variables: dict[str, str], output: int, errors: int
) -> None:
    """The child: its own environment, folder and outputs, then the command; never returns."""
    code = 1
    try:
        os.dup2(output, 1)
        os.dup2(errors, 2)
        os.environ.clear()
        os.environ.update(variables)
        os.chdir(variables["CHIBO_HOME"])
        sys.argv = ["chibo", *arguments]
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve_commands()
