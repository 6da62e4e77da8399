"""What processes do not load: it would make `flix --help` slow, and stay in the memory of those that serve."""

import subprocess
import sys

import pytest

from deploy import stack

LOADED_BY_FEW = {
    "deploy.cli.app": ("peewee", "pydantic", "falcon", "httpx", "cryptography", "deploy.stack"),
    "deploy.run": ("peewee", "pydantic", "falcon", "httpx", "zxcvbn", "gunicorn", "typer", "rich"),
    "gateway.__main__, gateway.app": ("rich", "gunicorn"),
    "services.auth.__main__, services.auth.app": ("zxcvbn", "rich", "gunicorn"),
    "services.content.__main__, services.content.app": ("rich", "gunicorn"),
    "services.quiz.__main__, services.quiz.app": ("rich", "gunicorn"),
    # Alone: what follows content.
    "services.quiz.__main__": ("pydantic", "falcon", "rich", "gunicorn"),
}


@pytest.mark.parametrize("modules", LOADED_BY_FEW)
def test_a_process_loads_nothing_that_only_others_need(modules: str) -> None:
    script = f"import {modules}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=stack.ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert set(modules.split(", ")) <= loaded
    assert loaded.isdisjoint(LOADED_BY_FEW[modules])
