"""The commands of every service, in this process."""

from collections.abc import Mapping
from typing import Any

from deploy.stack import StartFailed
from services.auth.__main__ import SERVICE as AUTH
from services.content.__main__ import SERVICE as CONTENT
from services.kit.maintenance.command_line import Service, main
from services.quiz.__main__ import SERVICE as QUIZ

# In the order of their start, as in stack.py.
SERVICES: Mapping[str, Service[Any]] = {"auth": AUTH, "content": CONTENT, "quiz": QUIZ}


def run_command(name: str, *arguments: str) -> None:
    """Run a service's command.

    Raise StartFailed without a message: the command has written the reason to standard error.
    """
    if main(SERVICES[name], arguments):
        raise StartFailed
