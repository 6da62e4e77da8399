"""`flix backup`, `flix restore` and `flix import`."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.answer import Json, answering, given_path, readable_size
from deploy.folders import BACKUPS
from deploy.tools_container import require_place


def backup(
    to: Annotated[Path, typer.Option(parser=given_path, metavar="FOLDER", help="The folder for the file.")] = BACKUPS,
    json: Json = False,
) -> None:
    """Copy every database into one file while Flix serves."""
    with answering(as_json=json) as answer:
        from deploy.backup import make_backup, restore_command

        require_place("deploy/backup-compose", to)
        made = make_backup(to)
        answer.members |= {
            "file": str(made.file),
            "bytes": made.bytes,
            "seconds": round(made.seconds, 1),
            "rows": {name: copy.rows for name, copy in made.manifest.services.items()},
        }
        summary = f"{made.file}: {readable_size(made.bytes)} in {made.seconds:.1f} s"
        answer.line(f"{summary}; to go back to it: {restore_command(made.file)}")


def restore(
    file: Annotated[Path, typer.Argument(parser=given_path, metavar="FILE", help="A file that backup has written.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    without_safety_backup: Annotated[
        bool, typer.Option("--without-safety-backup", help="Do not back up the present data first.")
    ] = False,
    safety_to: Annotated[
        Path, typer.Option(parser=given_path, metavar="FOLDER", help="The folder for that backup.")
    ] = BACKUPS,
    json: Json = False,
) -> None:
    """Verify a backup, then replace every database by it."""
    with answering(as_json=json) as answer:
        from deploy.restore import Options
        from deploy.restore import restore as restore_from

        require_place("deploy/restore-compose FILE", file)
        done = restore_from(Options(file, yes, None if without_safety_backup else safety_to), answer.line)
        begun_at = done.manifest.begun_at
        answer.members |= {
            "file": str(file),
            "begunAt": begun_at,
            "restored": sorted(done.manifest.services),
            "safetyBackup": None if done.safety_backup is None else str(done.safety_backup),
            "seconds": round(done.seconds, 1),
        }
        rest = f"; {' and '.join(done.left)}, not in it, as before" if done.left else ""
        answer.line(f"restored {file}, begun {begun_at}, in {done.seconds:.1f} s{rest}")


def import_(
    file: Annotated[
        Path, typer.Argument(parser=given_path, metavar="FILE", help="The old installation's SQLite file.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report the rows that would be moved.")] = False,
    skip_invalid: Annotated[bool, typer.Option("--skip-invalid", help="Leave invalid rows out.")] = False,
    json: Json = False,
) -> None:
    """Move an old installation's rows into this one."""
    with answering(as_json=json) as answer:
        from deploy.import_baseline.installation import import_installation

        require_place("deploy/import-baseline-compose FILE", file)
        report: list[str] = []
        answer.members["report"] = report

        def say(line: str) -> None:
            report.append(line)
            answer.line(line)

        tallies = import_installation(file, say, skip_invalid=skip_invalid, dry_run=dry_run)
        answer.members["tables"] = {
            each.table: {
                "found": each.found,
                "toMove": each.new,
                "changed": each.changed,
                "alreadyThere": each.present,
                "invalid": each.invalid,
            }
            for each in tallies
        }
