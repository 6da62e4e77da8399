"""Our worker, connection and parser rely on private members of gunicorn, which may change with any version."""

import inspect
from importlib.metadata import version

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

from services.kit.web.connection import Connection
from services.kit.web.parser import Parser
from services.kit.web.worker import PRIVATE_MEMBERS, REVIEWED_VERSION, Worker

INSTALLED = version("gunicorn")
WHAT_TO_DO = f"""gunicorn {INSTALLED} is installed; our worker, connection and parser are for {REVIEWED_VERSION}.
Compare gunicorn/asgi/protocol.py, asgi/parser.py and workers/gasgi.py of both versions: the members in PRIVATE_MEMBERS,
when they are called, and whether gunicorn now does itself what the three docstrings list. Correct them, run
tests/kit/web (pytest -m "full or not full"), and only then set REVIEWED_VERSION."""


def test_the_private_members_were_compared_with_the_installed_gunicorn() -> None:
    assert INSTALLED == REVIEWED_VERSION, WHAT_TO_DO


def test_the_private_members_exist_and_take_the_same_arguments() -> None:
    assert [name for kind, names in PRIVATE_MEMBERS.items() for name in names if not hasattr(kind, name)] == []
    for ours in (Connection, Parser, Worker):
        [theirs] = ours.__bases__
        for name, member in vars(ours).items():
            if inspect.isfunction(member) and hasattr(theirs, name):
                expected = list(inspect.signature(getattr(theirs, name)).parameters)
                assert list(inspect.signature(member).parameters) == expected, (name, WHAT_TO_DO)
    # The worker replaces globals that gunicorn reads when it begins to listen, and for each connection.
    assert "ASGIProtocol(self)" in inspect.getsource(gasgi.ASGIWorker._serve), WHAT_TO_DO
    assert "parser_class = PythonProtocol" in inspect.getsource(ASGIProtocol._setup_callback_parser), WHAT_TO_DO
