"""The services with their commands, in this process."""

from collections.abc import Mapping
from typing import Any

from services.auth.__main__ import SERVICE as AUTH
from services.content.__main__ import SERVICE as CONTENT
from services.kit.maintenance.command_line import Service
from services.quiz.__main__ import SERVICE as QUIZ

# In the order of their start, as in stack.py.
SERVICES: Mapping[str, Service[Any]] = {"auth": AUTH, "content": CONTENT, "quiz": QUIZ}
