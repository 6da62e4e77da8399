"""The modules that a process of the gateway loads."""

import subprocess
import sys

from deploy import stack

NOT_LOADED = (
    *("peewee", "playhouse", "peewee_migrate", "psycopg", "sqlite3"),
    *("services.kit.storage", "services.kit.maintenance", "services.kit.database", "services.kit.audit"),
    # Only a process that serves needs it.
    "gunicorn",
)


def test_the_gateway_loads_no_database_no_layer_above_web_and_no_gunicorn() -> None:
    script = "import gateway.app, services.kit.web.serving, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=stack.ROOT, capture_output=True, text=True, check=True)
    names = done.stdout.split()
    assert {"gateway.app", "services.kit.web.app"} <= set(names)
    assert [name for name in names if f"{name}.".startswith(tuple(f"{each}." for each in NOT_LOADED))] == []
