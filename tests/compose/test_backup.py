"""deploy/backup-compose and deploy/restore-compose, while the town serves."""

import os
import stat
import subprocess
from pathlib import Path

from tests.compose.stack import ComposeTown


def run(town: ComposeTown, *command: str) -> "subprocess.CompletedProcess[str]":
    """A script of deploy/ in the project's environment, without a terminal."""
    root = Path(__file__).parents[2]
    return subprocess.run(
        command,
        cwd=root,
        env=town.stack.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_backup_of_running_containers_brings_everything_back(compose_town: ComposeTown, tmp_path: Path) -> None:
    town, before = compose_town, compose_town.everything()

    made = run(town, "deploy/backup-compose", str(tmp_path))
    assert made.returncode == 0, made.stderr
    (file,) = tmp_path.iterdir()
    assert made.stdout.endswith(f" s; to go back to it: deploy/restore-compose {file}\n")
    assert (file.stat().st_uid, stat.S_IMODE(file.stat().st_mode)) == (os.getuid(), 0o600)

    town.stack.sql("content", "DELETE FROM events")
    town.stack.sql("quiz", "DROP TABLE quizzes CASCADE")
    town.stack.sql("auth", "DELETE FROM admins")
    refused = run(town, "deploy/restore-compose", str(file))
    assert (refused.returncode, refused.stderr.splitlines()[-1]) == (1, "nothing was replaced")
    done = run(town, "deploy/restore-compose", str(file), "--yes")
    assert done.returncode == 0, done.stderr

    assert town.everything() == before
    assert len(list(tmp_path.glob("flix-before-restore-*.tar"))) == 1
    # The runtime roles may do as before, and no scratch database is left.
    runtime = town.stack.sql(
        "quiz",
        "SELECT privilege_type FROM information_schema.role_table_grants WHERE grantee = 'quiz_runtime' "
        "AND table_name = 'quizzes' ORDER BY 1",
    )
    assert runtime == [["DELETE"], ["INSERT"], ["SELECT"], ["UPDATE"]]
    assert town.stack.sql("postgres", "SELECT datname FROM pg_database WHERE datname ~ '_restore_'") == []
