"""`flix migrate` and `flix check`: of every service, or of those that are named."""

import os
from enum import StrEnum
from typing import Annotated, Any

import typer

from deploy.cli.answer import Answer, Json, answering
from deploy.env_file import with_own_commands

ServiceNames = Annotated[
    list[str],
    typer.Option(
        "--service",
        metavar="NAME",
        help="Only this service: auth, content or quiz.",
        autocompletion=lambda: ["auth", "content", "quiz"],
    ),
]


class Action(StrEnum):
    """What to do with the schema."""

    up = "up"
    status = "status"
    check = "check"
    down = "down"
    accept = "accept"


def migrate(
    action: Annotated[Action, typer.Argument(help="up applies what is missing; down rolls back one migration.")] = (
        Action.up
    ),
    service: ServiceNames = [],  # noqa: B006 Typer copies it
    yes: Annotated[bool, typer.Option("--yes", help="Let down lose the rows and values that it names.")] = False,
    json: Json = False,
) -> None:
    """Bring the schema up to date, or inspect it."""
    if action in (Action.down, Action.accept) and len(service) != 1:
        raise typer.BadParameter(f"{action.value} needs one --service", param_hint="--service")
    with answering(as_json=json) as answer:
        from deploy import stack
        from deploy.cli.databases import chosen
        from deploy.prepare import require_no_lost_database

        if action is Action.up:
            require_no_lost_database(stack.read_service_settings(os.environ))
        done: dict[str, Any] = {}
        answer.members |= {"action": action.value, "services": done}
        for name in chosen(service):
            done[name] = _migrate(name, action, answer, accept_losses=yes)


def _migrate(name: str, action: Action, answer: Answer, *, accept_losses: bool) -> dict[str, Any]:
    from deploy.cli.databases import require_data
    from deploy.commands import SERVICES
    from services.kit.maintenance.command_line import opened
    from services.kit.maintenance.migrate import migrate

    service = SERVICES[name]
    with opened(service) as (_, database):
        if action is Action.check:
            require_data(service, database)
        outcome = migrate(service.migrations, database, action.value, accept_losses=accept_losses)
    answer.problems += [f"{name}: {each}" for each in outcome.findings]
    for line in () if outcome.findings else outcome.lines:
        answer.line(f"{name}: {line}")
    return outcome.members


def check(
    service: ServiceNames = [],  # noqa: B006 Typer copies it
    repair: Annotated[bool, typer.Option("--repair", help="Do each repair that is certain.")] = False,
    alone: Annotated[bool, typer.Option("--alone", help="Skip the rules between services.")] = False,
    json: Json = False,
) -> None:
    """Check schema, rows and their contents; exit with 1 if a finding remains."""
    with answering(as_json=json) as answer:
        from deploy.cli.databases import chosen
        from services.kit.core.findings import NOT_CHECKED

        findings: list[dict[str, object]] = []
        answer.members["findings"] = findings
        for name in chosen(service):
            _check(name, findings, answer, repair=repair, alone=alone)
        remaining = sum(not each["repaired"] for each in findings)
        if remaining:
            hint = "" if repair else " (flix check --repair does those that are certain)"
            answer.problems.append(f"findings that remain: {remaining}{hint}")
        if any(each["rule"] == NOT_CHECKED for each in findings):
            answer.problems.append("start Flix to check the rules between services, or leave them out: --alone")


def _check(name: str, findings: list[dict[str, object]], answer: Answer, *, repair: bool, alone: bool) -> None:
    from deploy.cli.databases import require_data
    from deploy.commands import SERVICES
    from services.kit.core.logging import log_to_standard_error
    from services.kit.maintenance.check import checked_findings
    from services.kit.maintenance.command_line import opened
    from services.kit.maintenance.progress import Meter

    log_to_standard_error()
    service, before = SERVICES[name], len(findings)
    with opened(service) as (settings, database), Meter(f"checking {name}: ") as meter:
        require_data(service, database)
        examination = service.examination(settings)
        for each in checked_findings(database, examination, meter, repair=repair, alone=alone):
            finding = each.finding
            findings.append(
                {
                    "service": name,
                    "table": finding.table,
                    "id": finding.id,
                    "rule": finding.rule,
                    "message": with_own_commands(finding.message),
                    "repaired": each.is_repaired,
                }
            )
            answer.line(f"{name}: {each.line}")
        if repair and examination.tidy is not None and all(each["repaired"] for each in findings[before:]):
            for line in examination.tidy(database):
                answer.line(f"{name}: {line}")
    if len(findings) == before:
        answer.line(f"{name}: no findings")
