"""Services that end by SIGKILL once they have created something and before they respond.

`python -m tests.dying quiz` serves in place of `python -m services.quiz serve`.
"""

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

from services.auth.service.people import People
from services.content.service.events import Events
from services.kit.web.app import WebApp
from services.kit.web.serving import serve
from services.quiz.service.learners import Learners

# The use case that creates something, by service.
LAST_USE_CASES: dict[str, tuple[type[Any], str]] = {
    "auth": (People, "invite"),
    "content": (Events, "create"),
    "quiz": (Learners, "submit"),
}


def dying_app(name: str) -> WebApp:
    """Return the service's app, whose use case ends the process after its transaction."""
    owner, method = LAST_USE_CASES[name]
    setattr(owner, method, _then_end(getattr(owner, method)))
    app: WebApp = import_module(f"services.{name}.app").create_app()
    return app


def _then_end(use_case: Callable[..., object]) -> Callable[..., NoReturn]:
    def use_case_and_end(*arguments: Any, **options: Any) -> NoReturn:
        use_case(*arguments, **options)
        # The whole group, because gunicorn's master would start another worker.
        os.killpg(os.getpgrp(), signal.SIGKILL)
        raise AssertionError("still running")

    return use_case_and_end


if __name__ == "__main__":
    service = sys.argv[1]
    read_settings = import_module(f"services.{service}.config").read_settings
    serve(read_settings(os.environ), f'tests.dying:dying_app("{service}")')
