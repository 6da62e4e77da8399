"""deploy/backup-compose, restore-compose and import-baseline-compose, while the stack serves."""

import os
import stat
import subprocess
from pathlib import Path

from tests.compose.project import ComposeStack
from tests.deploy.import_baseline.examples import an_installation, write_baseline


def run(stack: ComposeStack, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a script of deploy/ in the project's environment, without a terminal."""
    root = Path(__file__).parents[2]
    return subprocess.run(
        command,
        cwd=root,
        env=stack.project.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_backup_of_running_containers_brings_everything_back(compose_stack: ComposeStack, tmp_path: Path) -> None:
    stack, before = compose_stack, compose_stack.everything()

    made = run(stack, "deploy/backup-compose", str(tmp_path))
    assert made.returncode == 0, made.stderr
    (file,) = tmp_path.iterdir()
    assert made.stdout.endswith(f" s; to go back to it: deploy/restore-compose {file}\n")
    assert (file.stat().st_uid, stat.S_IMODE(file.stat().st_mode)) == (os.getuid(), 0o600)

    stack.project.sql("content", "DELETE FROM events")
    stack.project.sql("quiz", "DROP TABLE quizzes CASCADE")
    stack.project.sql("auth", "DELETE FROM admins")
    refused = run(stack, "deploy/restore-compose", str(file))
    unanswered = "nothing was replaced: nobody answered (--yes does not ask)"
    assert (refused.returncode, refused.stderr.splitlines()[-1]) == (1, unanswered)
    done = run(stack, "deploy/restore-compose", str(file), "--yes")
    assert done.returncode == 0, done.stderr

    assert stack.everything() == before
    assert len(list(tmp_path.glob("flix-before-restore-*.tar"))) == 1
    # The runtime roles work as before, and no scratch database is left.
    runtime = stack.project.sql(
        "quiz",
        "SELECT privilege_type FROM information_schema.role_table_grants WHERE grantee = 'quiz_runtime' "
        "AND table_name = 'quizzes' ORDER BY 1",
    )
    assert runtime == [["DELETE"], ["INSERT"], ["SELECT"], ["UPDATE"]]
    assert stack.project.sql("postgres", "SELECT datname FROM pg_database WHERE datname ~ '_restore_'") == []


def test_an_old_installation_is_imported_into_running_containers(compose_stack: ComposeStack, tmp_path: Path) -> None:
    file = write_baseline(tmp_path / "flix.sqlite", an_installation(), wal=True)
    tried = run(compose_stack, "deploy/import-baseline-compose", str(file), "--dry-run")
    assert tried.returncode == 0, tried.stderr
    imported = run(compose_stack, "deploy/import-baseline-compose", str(file))
    assert (imported.returncode, imported.stdout.splitlines()[-2:]) == (
        0,
        [
            "content: moved 2 events, 3 lessons, 2 materials",
            "quiz: moved 2 quizzes, 3 quiz_questions, 6 quiz_options",
        ],
    ), imported.stderr
    assert list(tmp_path.iterdir()) == [file]
    lost = run(compose_stack, "deploy/import-baseline-compose", "lost.sqlite")
    assert (lost.returncode, lost.stderr) == (1, "lost.sqlite cannot be read: No such file or directory\n")
    # The roles that serve may read what the owners have written.
    with compose_stack.client() as learner:
        catalog = learner.post("/api/public/events/launch/catalog").json()["catalog"]
    assert [lesson["id"] for lesson in catalog["items"]] == ["lesson-1", "lesson-2"]
