"""services.kit.core.logging: one JSON object a line, from our own lines and the libraries' alike.

Logging is configured once in a process, so each test configures one of its own.
"""

import json
import os
import re
import subprocess
import sys
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
    """The log lines of a process that runs the script; each must be one JSON object with the time and the service."""
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


def test_a_line_has_its_event_its_level_and_its_fields() -> None:
    assert logged("log.info('quiz_loaded', quizId='quiz-1', passed=True, at=None)") == [
        {"event": "quiz_loaded", "level": "info", "quizId": "quiz-1", "passed": True, "at": None}
    ]


def test_a_line_of_a_request_carries_what_is_known_of_it_and_nothing_of_the_one_before() -> None:
    script = """
start_request("request-1", "POST")
bind_route("/api/events/{event_id}")
log.info("first")
logging.getLogger("somebody.else").warning("%s and %s", "this", "that", extra={"detail": 1})
start_request("request-2", "GET")
log.info("second")
"""
    of_first = {"requestId": "request-1", "method": "POST", "route": "/api/events/{event_id}"}
    assert logged(script) == [
        {"event": "first", "level": "info", **of_first},
        {"event": "this and that", "level": "warning", "detail": 1, **of_first},
        {"event": "second", "level": "info", "requestId": "request-2", "method": "GET"},
    ]


def test_a_text_cannot_break_out_of_its_line() -> None:
    text = 'a\n{"event": "forged"}\r\x1b[31m\u2028"'

    assert logged(f"log.info({text!r}, name={text!r})") == [{"event": text, "level": "info", "name": text}]


def test_a_traceback_stays_within_its_line() -> None:
    script = """
try:
    raise ValueError("it broke")
except ValueError as error:
    log.error("request_failed", exc_info=error)
    logging.getLogger("gunicorn.error").exception("Error handling request")
"""
    lines = logged(script)

    assert [line["event"] for line in lines] == ["request_failed", "Error handling request"]
    for line in lines:
        assert line["exception"].startswith("Traceback (most recent call last):\n")
        assert line["exception"].endswith("ValueError: it broke")


def test_what_json_does_not_know_becomes_text() -> None:
    script = "import pathlib; log.info('seen', path=pathlib.Path('/tmp'), kind={1, 1}, error=ValueError('it broke'))"

    assert logged(script) == [{"event": "seen", "level": "info", "path": "/tmp", "kind": "{1}", "error": "it broke"}]


@pytest.mark.parametrize(
    ("level", "events"),
    [("debug", ["debug", "info", "warning"]), ("info", ["info", "warning"]), ("WARNING", ["warning"])],
)
def test_the_level_holds_for_our_lines_and_the_libraries_requests_are_not_told(level: str, events: list[str]) -> None:
    script = """
for name in ("debug", "info", "warning"):
    getattr(log, name)(name)
logging.getLogger("httpx").info("HTTP Request: GET http://content/?eventAccessKey=canary")
logging.getLogger("gunicorn.access").info("GET /?eventAccessKey=canary")
logging.getLogger("gunicorn.error").debug("GET /canary")
logging.getLogger("peewee").debug(("UPDATE events SET access_key = ?", ["canary"]))
logging.getLogger("peewee_migrate").info("Starting migrations")
"""
    assert [line["event"] for line in logged(script, level)] == events


def test_outside_a_request_there_is_no_id() -> None:
    assert logged("log.info(current_request_id())") == [{"event": "-", "level": "info"}]


def test_a_traceback_tells_causes_and_contexts_as_python_does_unless_they_are_suppressed() -> None:
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
"""
    whole, short = (line["exception"] for line in logged(script))

    said = [[each for each in text.splitlines() if not each.startswith(" ") and each] for text in (whole, short)]
    head = "Traceback (most recent call last):"
    assert said == [
        [head, "KeyError: 'first'", head, "ValueError: second", head, "OSError: third"],
        [head, "OSError: third"],
    ]
    assert (whole.count(", in fail"), short.count(", in fail")) == (3, 1)


def test_what_postgresql_adds_to_its_message_is_not_told_since_it_repeats_the_row(postgresql_url: str) -> None:
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
    for line in lines:
        assert line["exception"].endswith(
            'IntegrityError: new row for relation "notes" violates check constraint "notes_key_check"'
        )
        assert "canary" not in str(line)
