"""`flix config` and `flix secrets`."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.answer import Json, answering, columns, given_path, given_text
from deploy.tools_container import require_place


def config(json: Json = False) -> None:
    """Show the effective settings and where each comes from; secrets are hidden."""
    with answering(as_json=json, with_env_file=False) as answer:
        from deploy.cli.effective import effective_settings

        found = effective_settings()
        answer.members |= {"settings": [each._asdict() for each in found.settings], "unknown": found.unknown}
        for line in columns([(each.name, each.source, each.value) for each in found.settings]):
            answer.line(line)
        answer.problems += [*found.unknown, *found.problems]


def secrets(
    origin: Annotated[
        str | None,
        typer.Option(parser=given_text, help="The sites whose pages call the API, with commas."),
    ] = None,
    admin: Annotated[str | None, typer.Option(parser=given_text, help="The name of the first admin.")] = None,
    to: Annotated[
        Path,
        typer.Option(
            parser=given_path, metavar="FOLDER", help="The folder for .env and secrets/.", show_default="that of Flix"
        ),
    ] = Path(),
    json: Json = False,
) -> None:
    """Make every secret of production, and the .env that names them; ask for the site and the first admin.

    What is there already stays, so that it can be repeated.
    """
    with answering(as_json=json, with_env_file=False) as answer:
        from deploy.cli.production import write_production
        from services.kit.core.failures import CommandFailed

        require_place("deploy/production-env")

        def ask(question: str) -> str:
            try:
                return str(typer.prompt(question, err=True))
            except typer.Abort:
                raise CommandFailed("nobody answered: give --origin and --admin") from None

        done = write_production(to, {"CORS_ORIGIN": origin, "ADMIN_USERNAME": admin}, ask)
        answer.members |= {"file": str(done.file), "made": done.made, "kept": done.kept}
        answer.line(f"{done.file}: {len(done.made)} made, {len(done.kept)} were there")
        answer.line("keep a copy of secrets/SIGNING_KEY_SECRET elsewhere: no backup holds it")
        answer.line(f"the first admin signs in with the password in {done.file.parent / 'secrets' / 'ADMIN_PASSWORD'}")
        answer.line("next: docker compose up --detach --build --wait, then docker compose run --rm auth seed")
