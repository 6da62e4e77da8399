"""`flix up`, `flix status` and `flix doctor`."""

import os
import sys

from deploy.cli.answer import Json, answering
from deploy.tools_container import is_tools_container, require_place


def up(json: Json = False) -> None:
    """Migrate, seed demo into a new installation, and serve until Ctrl-C."""
    if is_tools_container():
        with answering(as_json=json):
            require_place("docker compose up --detach --wait")
        return
    # In the place of this process, which holds Typer and Rich: the other one stays as long as the stack.
    arguments = [sys.executable, "-m", "deploy.run", *(["--json"] if json else [])]
    sys.stdout.flush()
    os.execv(sys.executable, arguments)  # noqa: S606 our own module


def status(json: Json = False) -> None:
    """Show processes, versions, schema, queues, backups and disk."""
    with answering(as_json=json) as answer:
        from deploy.cli.status import status as read_status
        from deploy.cli.status_lines import status_lines

        found = read_status()
        answer.problems += found.pop("problems")
        answer.members |= found
        for line in status_lines(found):
            answer.line(line)


def doctor(json: Json = False) -> None:
    """Look for what is wrong, and say what to do about it."""
    with answering(as_json=json, with_env_file=False) as answer:
        from deploy.cli.doctor import diagnoses

        checks = []
        for each in diagnoses():
            checks.append(
                {"check": each.check, "state": each.state, "message": each.message, "advice": each.advice or None}
            )
            advice = f": {each.advice}" if each.advice else ""
            answer.line(f"{each.state:<7}  {each.check:<10}  {each.message}{advice}")
        answer.members["checks"] = checks
        wrong = sum(each["state"] == "problem" for each in checks)
        if wrong:
            answer.problems.append(f"{wrong} of {len(checks)} checks found a problem")
