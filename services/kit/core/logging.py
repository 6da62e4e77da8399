"""Structured logs: one JSON object a line on standard output, with the context of the request."""

import logging
import re
import sys
import traceback
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, BinaryIO, cast

import orjson

from services.kit.core.ids import new_id
from services.kit.core.lean_imports import without_rich

with without_rich():
    import structlog

log = structlog.stdlib.get_logger("flix")

REQUEST_ID_HEADER = "X-Request-ID"
# A client's id must not be able to break a log line, a header or a terminal.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

# The id outside of a request.
NO_REQUEST_ID = "-"
_request_id: ContextVar[str] = ContextVar("request_id", default=NO_REQUEST_ID)


def start_request(claimed_id: str | None, method: str, route: str | None = None) -> str:
    """Begin the log context of a request; return the claimed id if it is well formed, else a new one.

    `route` is the template of its address, where that is known already.
    """
    request_id = request_id_of(claimed_id)
    _request_id.set(request_id)
    structlog.contextvars.clear_contextvars()
    known = {} if route is None else {"route": route}
    structlog.contextvars.bind_contextvars(requestId=request_id, method=method, **known)
    return request_id


def request_id_of(claimed_id: str | None) -> str:
    """Return the claimed id if it is well formed, else a new one."""
    return claimed_id if claimed_id and _REQUEST_ID.fullmatch(claimed_id) else new_id()


def bind_route(route: str) -> None:
    """Add the route's template, such as /api/events/{event_id}, to the log context of the request."""
    structlog.contextvars.bind_contextvars(route=route)


def current_request_id() -> str:
    """Return the id of the current request, or "-" outside of one."""
    return _request_id.get()


def safe_message(error: BaseException) -> str:
    """Return the message of an error; of PostgreSQL's only the first part: the others repeat the row's values."""
    diagnosis = getattr(getattr(error, "orig", error), "diag", None)
    return str(getattr(diagnosis, "message_primary", None) or error)


class StandardOutput:
    """Standard output, which drops what a full disk does not take: a line must not end a request."""

    def write(self, lines: bytes) -> None:
        """Write the lines."""
        with suppress(OSError):
            sys.stdout.buffer.write(lines)

    def flush(self) -> None:
        """Let them be seen."""
        with suppress(OSError):
            sys.stdout.buffer.flush()


def _render(_logger: Any, _method: str, event: Any) -> bytes:
    return orjson.dumps(event, default=str)


def _render_text(_logger: Any, _method: str, event: Any) -> str:
    return orjson.dumps(event, default=str).decode()


def logging_configuration(service: str, level: str) -> dict[str, Any]:
    """Configure structlog, and return the `logging.config` dictionary for gunicorn and the libraries."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _service_name(service),
        structlog.processors.ExceptionRenderer(lambda exc_info: _traceback(exc_info[1])),
    ]
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [structlog.stdlib.ExtraAdder(), *shared],
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render_text],
    }
    # Our own lines do not pass through `logging`, which takes more than half of their time.
    structlog.configure(
        processors=[*shared, _render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.BytesLoggerFactory(cast(BinaryIO, StandardOutput())),
        cache_logger_on_first_use=True,
    )
    handler = {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}
    quiet = {"level": "WARNING", "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        "handlers": {"stdout": handler},
        "root": {"level": level.upper(), "handlers": ["stdout"]},
        # gunicorn adds its own handlers to these two unless they are configured
        "loggers": {
            # at debug it logs every address, with the secrets that a client may have typed into it
            "gunicorn.error": {"level": _at_least_info(level), "propagate": True, "handlers": []},
            "gunicorn.access": {**quiet, "handlers": []},
            "httpx": quiet,
            # at debug it logs the headers of other servers' responses
            "httpcore": quiet,
            # at debug it logs every statement with its values: access keys, password hashes, signing keys
            "peewee": quiet,
            "peewee_migrate": quiet,
        },
    }


def _traceback(error: BaseException) -> str:
    """Format the error as Python does, with its `safe_message`."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{_traceback(cause)}\n\n" if cause is not None else ""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{before}Traceback (most recent call last):\n{frames}{type(error).__qualname__}: {safe_message(error)}"


def _at_least_info(level: str) -> str:
    return "INFO" if level.upper() == "DEBUG" else level.upper()


def log_to_standard_error() -> None:
    """Log to standard error, for a command that prints its result to standard output."""
    # Look the stream up for each line, because a test replaces and closes it.
    structlog.configure(logger_factory=lambda *_names: structlog.PrintLogger(sys.stderr))


def _service_name(service: str) -> Any:
    def add(_logger: Any, _method: str, event: Any) -> Any:
        event["service"] = service
        return event

    return add
