"""The start of gunicorn for an app."""

import errno
import os
import socket
import sys
import time
from importlib import import_module
from pathlib import Path

from services.kit.core.config import ServerSettings

# A process that ends just now frees its port within this time.
PORT_SECONDS = 5.0
POLL_SECONDS = 0.2
GUNICORN_SETTINGS = Path(__file__).parents[3] / "deploy" / "gunicorn.conf.py"


def port_problem(settings: ServerSettings) -> str | None:
    """Return why the port cannot be used and what to do, in one line; None when it can be."""
    error = bind_error(settings.host, settings.port)
    if error is None:
        return None
    is_gateway = settings.name == "gateway"
    port, host = ("API_PORT", "API_HOST") if is_gateway else (f"{settings.name.upper()}_PORT", "SERVICE_HOST")
    in_use, not_allowed = error.errno == errno.EADDRINUSE, error.errno == errno.EACCES
    advice = f"stop what uses it, or set {port}" if in_use else f"set {port if not_allowed else host}"
    return f"port {settings.port} on {settings.host} cannot be used ({error.strerror}): {advice}"


def bind_error(host: str, port: int) -> OSError | None:
    """Return why a process cannot listen there now; None when it can."""
    try:
        bound_socket(host, port).close()
    except OSError as error:
        return error
    return None


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that is bound there. Raise OSError."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def serve(settings: ServerSettings, app: str) -> None:
    """Serve the app under gunicorn until the process is terminated; exit with 1 where the port cannot be used.

    The app's module is imported before gunicorn forks, so that a new worker starts quickly. Connections and threads are
    made by the factory in the module, after the fork (docs/traps.md, 7).
    """
    # Imported here because no other command needs it, and it takes 65 ms.
    from gunicorn.app.wsgiapp import run as run_gunicorn  # noqa: PLC0415

    _require_port(settings)
    import_module(app.partition(":")[0])
    os.environ.update(FLIX_PROCESS=settings.name, LOG_LEVEL=settings.log_level)
    if settings.metrics_port:
        os.environ["FLIX_METRICS"] = f"{settings.metrics_host}:{settings.metrics_port}"
    # The workers read the settings again, and refuse both.
    os.environ.pop("LOG_LEVEL_FILE", None)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    options = ["--config", str(GUNICORN_SETTINGS), "--bind", f"{host}:{settings.port}"]
    sys.argv = ["gunicorn", *options, "--workers", str(settings.workers), app]
    run_gunicorn()


def _require_port(settings: ServerSettings) -> None:
    deadline = time.monotonic() + PORT_SECONDS
    while problem := port_problem(settings):
        if time.monotonic() > deadline:
            sys.exit(f"{settings.name}: {problem}")
        time.sleep(POLL_SECONDS)
