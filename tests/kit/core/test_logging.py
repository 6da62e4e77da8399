"""services.kit.core.logging: one JSON object a line, for our own lines and those of the libraries.

Logging is configured once in a process, so each test starts its own.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy import stack
from services.kit.core.instants import parse_instant

BEGIN = """
import logging
from logging.config import dictConfig
from services.kit.core.logging import current_request_id, log, logging_configuration, bind_route, start_request
dictConfig(logging_configuration("content", {level!r}))
"""


def logged(script: str, level: str = "info") -> list[dict[str, Any]]:
    """Run the script in a process; return its log lines, without the time and the service, which are checked."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN.format(level=level) + script],
        cwd=stack.ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.removesuffix("\n").split("\n")]
    for line in lines:
        assert parse_instant(re.sub(r"\d{3}Z$", "Z", line.pop("timestamp")))
        assert line.pop("service") == "content"
    return lines


def test_a_line_has_its_event_level_and_fields() -> None:
    text = 'a\n{"event": "forged"}\r\x1b[31m\u2028"'
    script = f"""
import pathlib
log.info("quiz_loaded", quizId="quiz-1", passed=True, at=None)
log.info({text!r}, name={text!r})
log.info("objects", path=pathlib.Path("/tmp"), kind={{1, 1}}, error=ValueError("it broke"))
log.info(current_request_id())
"""
    assert logged(script) == [
        {"event": "quiz_loaded", "level": "info", "quizId": "quiz-1", "passed": True, "at": None},
        {"event": text, "level": "info", "name": text},
        {"event": "objects", "level": "info", "path": "/tmp", "kind": "{1}", "error": "it broke"},
        {"event": "-", "level": "info"},
    ]


def test_a_line_has_the_context_of_its_own_request() -> None:
    script = """
start_request("request-1", "POST")
bind_route("/api/events/{event_id}")
log.info("first")
logging.getLogger("a.library").warning("%s and %s", "this", "that", extra={"detail": 1})
start_request("request-2", "GET")
log.info("second")
"""
    context = {"requestId": "request-1", "method": "POST", "route": "/api/events/{event_id}"}
    assert logged(script) == [
        {"event": "first", "level": "info", **context},
        {"event": "this and that", "level": "warning", "detail": 1, **context},
        {"event": "second", "level": "info", "requestId": "request-2", "method": "GET"},
    ]


@pytest.mark.parametrize(
    ("level", "events"),
    [("debug", ["debug", "info", "warning"]), ("info", ["info", "warning"]), ("WARNING", ["warning"])],
)
def test_the_libraries_log_no_requests_and_no_statements(level: str, events: list[str]) -> None:
    script = """
for name in ("debug", "info", "warning"):
    getattr(log, name)(name)
logging.getLogger("httpx").info("HTTP Request: GET http://content/?eventAccessKey=canary")
logging.getLogger("httpcore.http11").debug("receive_response_headers.complete canary")
logging.getLogger("gunicorn.access").info("GET /?eventAccessKey=canary")
logging.getLogger("gunicorn.error").debug("GET /canary")
logging.getLogger("peewee").debug(("UPDATE events SET access_key = ?", ["canary"]))
logging.getLogger("peewee_migrate").info("Starting migrations")
"""
    assert [line["event"] for line in logged(script, level)] == events


def test_a_traceback_has_causes_and_contexts_like_python_s() -> None:
    script = """
def fail(suppressed):
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error
    except ValueError:
        if suppressed:
            raise OSError("third") from None
        raise OSError("third")

for suppressed in (False, True):
    try:
        fail(suppressed)
    except OSError as error:
        log.error("request_failed", exc_info=error)
        logging.getLogger("gunicorn.error").exception("Error handling request")
"""
    lines = logged(script)

    assert [line["event"] for line in lines] == ["request_failed", "Error handling request"] * 2
    head = "Traceback (most recent call last):"
    complete = [head, "KeyError: 'first'", head, "ValueError: second", head, "OSError: third"]
    for line, expected, frames in zip(lines, [complete] * 2 + [complete[-2:]] * 2, (3, 3, 1, 1), strict=True):
        text = line["exception"]
        assert [each for each in text.splitlines() if each and not each.startswith(" ")] == expected
        assert text.count(", in fail") == frames


def test_postgresql_s_details_are_not_logged_since_they_repeat_the_row(postgresql_url: str) -> None:
    script = f"""
import peewee
from services.kit.storage.database import open_database
database = open_database({postgresql_url!r})
database.execute_sql("CREATE TABLE notes (id INT PRIMARY KEY, key TEXT CHECK (key = 'right'))")
try:
    database.execute_sql("INSERT INTO notes VALUES (1, 'Traceback\\\\ncanary')")
except peewee.IntegrityError as error:
    log.error("request_failed", exc_info=error)
    logging.getLogger("gunicorn.error").exception("Error handling request")
"""
    lines = logged(script)

    assert [line["event"] for line in lines] == ["request_failed", "Error handling request"]
    message = 'IntegrityError: new row for relation "notes" violates check constraint "notes_key_check"'
    for line in lines:
        assert line["exception"].endswith(message)
        assert "canary" not in str(line)


def test_a_full_disk_ends_nothing() -> None:
    script = "import sys; log.info('dropped'); log.error('dropped too'); print('went on', file=sys.stderr)"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", BEGIN.format(level="info") + script],
            cwd=stack.ROOT,
            env={"PATH": os.environ["PATH"]},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr.startswith("went on\n")
