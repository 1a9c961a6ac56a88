"""Lines tell what happened and how long it took; whose it was and what was in it stays out."""

import io
import json
import logging
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from sqlalchemy import create_engine, text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from server.logs import RequestLog, configure

ROOT = Path(__file__).parent.parent
SECRET = "nghị quyết mật"


def refuse_a_row() -> None:
    """A database error that repeats the row."""
    with create_engine("sqlite://").begin() as connection:
        connection.execute(text("CREATE TABLE record (topic TEXT CHECK (length(topic) < 3))"))
        connection.execute(text("INSERT INTO record VALUES (:topic)"), {"topic": SECRET})


async def plain(request: Request) -> PlainTextResponse:
    structlog.get_logger("test").info("inside", step=1)
    return PlainTextResponse("ok", headers={"X-Request-Id": "of-the-application"})


async def failing(request: Request) -> PlainTextResponse:
    try:
        refuse_a_row()
    except Exception as error:
        raise RuntimeError(SECRET) from error
    return PlainTextResponse("never")


async def breaking_off(request: Request) -> StreamingResponse:
    async def parts() -> Any:
        yield b"12345"
        raise ValueError(SECRET)

    return StreamingResponse(parts())


APP = RequestLog(
    Starlette(
        routes=[
            Route("/plain", plain, methods=["GET", "POST"]),
            Route("/failing", failing),
            Route("/breaking-off", breaking_off),
        ]
    )
)


class Lines(io.StringIO):
    """Standard error that is read as lines, a terminal or not."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Logs of this process on a stream of the test's own; afterwards all is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    lines = Lines()
    configure(stream=lines)
    yield lines
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)


async def ask(path: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(APP, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://chibo") as client:
        return await client.request(more.pop("method", "GET"), path, **more)


async def test_a_request_has_one_line(lines: Lines) -> None:
    await ask("/plain?token=lan", method="POST", content=SECRET)
    inside, line = lines.all()
    assert inside["event"] == "inside"
    assert inside["request_id"] == line["request_id"]
    assert line.pop("duration") >= 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
    assert re.fullmatch(r"[0-9a-f]{32}", line.pop("request_id"))
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "server.logs",
        "method": "POST",
        "path": "/plain",
        "status": 200,
        "bytes": 2,
    }


async def test_the_answer_carries_the_id_of_its_lines(lines: Lines) -> None:
    """One id, whatever the application itself has set; another for each request."""
    first, second = await ask("/plain"), await ask("/plain")
    ids = {line["request_id"] for line in lines.all()}
    assert ids == {first.headers["X-Request-Id"], second.headers["X-Request-Id"]}
    assert len(ids) == 2


@pytest.mark.parametrize("given", ["a", "A1._-", "x" * 64])
async def test_a_sane_id_is_kept(lines: Lines, given: str) -> None:
    answer = await ask("/plain", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] == given
    assert {line["request_id"] for line in lines.all()} == {given}


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "a\n", "é".encode(), "a/b"])
async def test_any_other_id_is_replaced(lines: Lines, given: Any) -> None:
    answer = await ask("/plain", headers={"X-Request-Id": given})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])


async def test_a_path_is_logged_as_it_was_sent_and_not_without_end(lines: Lines) -> None:
    await ask("/a%0Ab%20" + "c" * 1_000)
    [line] = lines.all()
    assert (line["path"][:12], len(line["path"]), line["status"]) == ("/a%0Ab%20ccc", 256, 404)


async def test_a_failure_is_logged_with_types_and_frames_alone(lines: Lines) -> None:
    """The cause too, and none of the messages; the client is told nothing."""
    answer = await ask("/failing")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    failure, line = lines.all()
    told = failure["exception"].splitlines()
    assert told[0] == "RuntimeError"
    assert told[told.index("from") + 1] == "sqlalchemy.exc.IntegrityError"
    assert "sqlite3.IntegrityError" in told
    assert any(re.search(r"test_logs\.py:\d+ in refuse_a_row$", frame) for frame in told)
    assert failure["request_id"] == line["request_id"]
    assert (failure["level"], line["status"]) == ("error", 500)
    assert SECRET not in json.dumps(lines.all(), ensure_ascii=False)
    assert "INSERT" not in lines.getvalue()


async def test_an_answer_that_breaks_off_is_logged_with_what_was_sent(lines: Lines) -> None:
    with pytest.raises(AssertionError):  # the transport's own word for an answer without an end
        await ask("/breaking-off")
    failure, line = lines.all()
    assert failure["exception"].startswith("ValueError\n")
    assert (line["status"], line["bytes"]) == (200, 5)
    assert SECRET not in json.dumps(lines.all(), ensure_ascii=False)


def test_a_group_is_told_with_what_is_in_it(lines: Lines) -> None:
    try:
        raise ExceptionGroup(SECRET, [ValueError(SECRET), KeyError(SECRET)])
    except ExceptionGroup:
        structlog.get_logger("test").exception("failed")
    [line] = lines.all()
    told = line["exception"].splitlines()
    assert [each for each in told if not each.startswith(" ")] == [
        "ExceptionGroup",
        "with",
        "ValueError",
        "with",
        "KeyError",
    ]


def test_a_library_does_not_log_an_exceptions_message(lines: Lines) -> None:
    """Not as its line, not within it, not behind it, not as a stack made into text."""
    library = logging.getLogger("library")
    error = ValueError(SECRET)
    library.error(error, exc_info=error)
    library.error("failed: %s", error)
    library.error("failed\nwith %s", SECRET)
    library.error(
        f'Traceback (most recent call last):\n  File "a.py", line 3\nValueError: {SECRET}'
    )
    library.error("wrong %d", "number")
    structlog.get_logger("test").error("failed", error=error)
    assert [line["event"] for line in lines.all()] == [
        "ValueError",
        "failed: ValueError",
        "failed",
        'failed; ValueError; File "a.py", line 3',
        "wrong %d",
        "failed",
    ]
    assert lines.all()[-1]["error"] == "ValueError"
    assert SECRET not in json.dumps(lines.all(), ensure_ascii=False)


def test_statements_and_their_parameters_are_never_logged(lines: Lines) -> None:
    configure("DEBUG", lines)
    with create_engine("sqlite://").begin() as connection:
        connection.execute(text("SELECT :topic"), {"topic": SECRET})
    assert lines.getvalue() == ""


def test_a_warning_is_a_line_like_any_other(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    [line] = lines.all()
    assert (line["level"], line["logger"]) == ("warning", "py.warnings")


def test_a_level_is_kept_to(lines: Lines) -> None:
    configure("warning", lines)
    structlog.get_logger("test").info("unheard")
    logging.getLogger("library").info("unheard")
    structlog.get_logger("test").warning("heard")
    assert [line["event"] for line in lines.all()] == ["heard"]
    with pytest.raises(ValueError, match="LOUD"):
        configure("loud", lines)


async def test_on_a_terminal_lines_are_for_the_eye(lines: Lines) -> None:
    lines.terminal = True
    configure(stream=lines)
    await ask("/failing")
    assert "request failed" in lines.getvalue()
    assert "sqlalchemy.exc.IntegrityError" in lines.getvalue()
    assert not lines.getvalue().startswith("{")
    assert SECRET not in lines.getvalue()


SERVED = """
import uvicorn
from server.logs import configure
from tests.test_logs import APP
configure()
uvicorn.run(APP, port=0, log_config=None, access_log=False, lifespan="off")
"""


def test_a_served_process_writes_nothing_but_lines() -> None:
    """uvicorn's own, the requests', and a failure's, once."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", SERVED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=ROOT,
        text=True,
    ) as process:
        assert process.stderr
        seen: list[str] = []
        while not (port := re.search(r"127\.0\.0\.1:(\d+)", "".join(seen[-1:]))):
            seen.append(process.stderr.readline())
            assert seen[-1]
        for path in ("/plain?q=secret", "/failing", "/nowhere"):
            httpx.get(f"http://127.0.0.1:{port[1]}{path}", headers={"X-Request-Id": "r-1"})
        process.terminate()
        output, rest = process.communicate(timeout=20)
    lines = [json.loads(line) for line in [*seen, *rest.splitlines()]]
    asked = [line for line in lines if line.get("request_id") == "r-1"]
    assert [line["event"] for line in asked] == [
        "inside", "request", "request failed", "request", "request",
    ]  # fmt: skip
    assert [line["status"] for line in asked if "status" in line] == [200, 500, 404]
    assert {line["logger"] for line in lines} >= {"uvicorn.error", "server.logs"}
    assert output == ""
    assert "secret" not in rest
