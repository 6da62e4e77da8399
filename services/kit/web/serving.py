"""The start of gunicorn for an app."""

import os
import sys
from importlib import import_module
from pathlib import Path

from services.kit.core.config import ServerSettings

GUNICORN_SETTINGS = Path(__file__).parents[3] / "deploy" / "gunicorn.conf.py"


def serve(settings: ServerSettings, app: str) -> None:
    """Serve the app under gunicorn until the process is terminated.

    The app's module is imported before gunicorn forks, so that a new worker starts quickly. Connections and threads are
    made by the factory in the module, after the fork (docs/traps.md, 7).
    """
    # Imported here because no other command needs it, and it takes 65 ms.
    from gunicorn.app.wsgiapp import run as run_gunicorn  # noqa: PLC0415

    import_module(app.partition(":")[0])
    os.environ.update(FLIX_PROCESS=settings.name, LOG_LEVEL=settings.log_level)
    # The workers read the settings again, and refuse both.
    os.environ.pop("LOG_LEVEL_FILE", None)
    options = ["--config", str(GUNICORN_SETTINGS), "--bind", f"{settings.host}:{settings.port}"]
    sys.argv = ["gunicorn", *options, "--workers", str(settings.workers), app]
    run_gunicorn()
