"""The commands of `flix`, in groups."""

from typing import Annotated

import typer

from deploy.cli import data, events, people, running, schema, settings

app = typer.Typer(
    name="flix",
    help="Run Flix: start it, look after it, and change people and events.",
    epilog="Exit codes: 0 done, 1 failed or found something wrong, 2 wrong usage. All commands take --json.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from services.kit.core.version import VERSION

        typer.echo(VERSION)
        raise typer.Exit


@app.callback()
def everywhere(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Run Flix: start it, look after it, and change people and events."""


app.command(rich_help_panel="Run")(running.up)
app.command(rich_help_panel="Run")(running.status)
app.command(rich_help_panel="Run")(running.doctor)
app.command(rich_help_panel="Settings")(settings.config)
app.command(rich_help_panel="Settings")(settings.secrets)
app.add_typer(people.app, name="user", rich_help_panel="People and events")
app.add_typer(events.app, name="event", rich_help_panel="People and events")
app.command(rich_help_panel="Data")(data.backup)
app.command(rich_help_panel="Data")(data.restore)
app.command("import", rich_help_panel="Data")(data.import_)
app.command(rich_help_panel="Data")(schema.migrate)
app.command(rich_help_panel="Data")(schema.check)
