"""The modules that a process of the gateway loads."""

import subprocess
import sys

from deploy import stack

DATABASE = ("peewee", "playhouse", "peewee_migrate", "psycopg", "sqlite3")
DATABASE_LAYERS = ("services.kit.storage", "services.kit.maintenance", "services.kit.database", "services.kit.audit")


def loaded_by(statement: str) -> list[str]:
    """The names of the modules that a new interpreter has loaded after the statement."""
    script = f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], cwd=stack.ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def within(names: list[str], packages: tuple[str, ...]) -> list[str]:
    return [name for name in names if name.startswith(tuple(f"{each}." for each in packages)) or name in packages]


def test_the_gateway_loads_no_database_no_layer_above_web_and_no_gunicorn() -> None:
    names = loaded_by("import gateway.app, services.kit.web.serving")

    assert {"gateway.app", "services.kit.web.app"} <= set(names)
    assert within(names, (*DATABASE, *DATABASE_LAYERS)) == []
    # Only a process that serves needs gunicorn.
    assert within(names, ("gunicorn",)) == []


def test_the_core_loads_nothing_else_of_ours() -> None:
    names = loaded_by("import services.kit.core.config, services.kit.core.logging, services.kit.core.findings")

    ours = within(names, ("services", "gateway", "deploy"))
    assert [name for name in ours if not name.startswith("services.kit.core")] == ["services", "services.kit"]
    assert within(names, DATABASE) == []
