"""services.kit.web.worker relies on private members of gunicorn, which may change with any version."""

import inspect
from importlib.metadata import version

from gunicorn.workers import gasgi

from services.kit.web.worker import PRIVATE_MEMBERS, REVIEWED_VERSION, Connection, Worker

INSTALLED = version("gunicorn")
WHAT_TO_DO = f"""gunicorn {INSTALLED} is installed, and services/kit/web/worker.py was written for {REVIEWED_VERSION}.
Compare gunicorn/asgi/protocol.py and gunicorn/workers/gasgi.py of both versions: the members in PRIVATE_MEMBERS, when
they are called, and whether gunicorn now does itself what the docstring of the worker lists. Correct the worker, run
tests/kit/web/test_worker.py and test_stopping.py (pytest -m "full or not full"), and only then set REVIEWED_VERSION."""


def test_the_private_members_were_compared_with_the_installed_gunicorn() -> None:
    assert INSTALLED == REVIEWED_VERSION, WHAT_TO_DO


def test_the_private_members_exist_and_take_the_same_arguments() -> None:
    assert [name for kind, names in PRIVATE_MEMBERS.items() for name in names if not hasattr(kind, name)] == []
    for ours in (Connection, Worker):
        [theirs] = ours.__bases__
        for name, member in vars(ours).items():
            if inspect.isfunction(member) and hasattr(theirs, name):
                expected = list(inspect.signature(getattr(theirs, name)).parameters)
                assert list(inspect.signature(member).parameters) == expected, (name, WHAT_TO_DO)
    # The worker replaces a global that gunicorn reads when it begins to listen.
    assert "ASGIProtocol(self)" in inspect.getsource(gasgi.ASGIWorker._serve), WHAT_TO_DO
