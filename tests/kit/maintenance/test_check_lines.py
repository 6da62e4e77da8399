"""services.kit.maintenance.check_lines: what a check writes for the worker that runs it."""

from collections.abc import Iterator
from typing import Any

import orjson
import peewee
import pytest

from services.auth.migrations import MIGRATIONS
from services.kit.core.findings import Finding, Progress
from services.kit.maintenance.check_lines import write_damage, write_findings
from services.kit.maintenance.examination import Examination
from services.kit.storage.database import open_database
from services.kit.web.reports import SHOWN_FINDINGS
from tests.violations import execute

FOUND = {"table": "admins", "id": "1", "rule": "a_rule", "message": "wrong", "repairable": False}


@pytest.fixture
def migrated(database: peewee.Database) -> peewee.Database:
    """An empty, migrated database of auth."""
    MIGRATIONS.up(database)
    database.close()
    return database


def examination(findings: int, error: Exception | None = None) -> Examination:
    """An examination of 5,000 rows with so many findings, which may then fail."""

    def check(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
        progress.begin("admins", 5_000)
        for _ in range(5):
            progress.advance(1_000)
        for _ in range(findings):
            yield Finding("admins", "1", "a_rule", "wrong")
        if error is not None:
            raise error

    return Examination(MIGRATIONS, check)


def written(capfd: pytest.CaptureFixture[str]) -> list[Any]:
    """The documents of the lines on standard output."""
    return [orjson.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_stages_rows_and_findings_are_written(migrated: peewee.Database, capfd: pytest.CaptureFixture[str]) -> None:
    write_findings(migrated, examination(SHOWN_FINDINGS + 50))
    lines = written(capfd)
    *stages, last = [line["stage"] for line in lines if "stage" in line]
    assert ("rows of admins" in stages, last) == (True, "admins")
    of_the_last = lines[lines.index({"stage": "admins", "of": 5_000}) + 1 :]
    assert [line["finding"] for line in of_the_last if "finding" in line] == [FOUND] * SHOWN_FINDINGS
    assert sum(line.get("done", 0) for line in of_the_last) == 5_000
    assert sum(line.get("more", 0) for line in of_the_last) == 50


def test_a_check_that_fails_says_so(migrated: peewee.Database, capfd: pytest.CaptureFixture[str]) -> None:
    write_findings(migrated, examination(1, ValueError("unexpected")))
    findings = [line["finding"] for line in written(capfd) if "finding" in line]
    assert findings == [
        FOUND,
        {
            "table": "database",
            "id": "-",
            "rule": "not_checked",
            "message": "broke off: unexpected",
            "repairable": False,
        },
    ]


def test_a_database_that_is_away_is_not_checked(capfd: pytest.CaptureFixture[str]) -> None:
    away = open_database("postgresql://flix@127.0.0.1:1/flix?connect_timeout=2")
    write_findings(away, examination(0))
    [line] = written(capfd)
    assert (line["finding"]["rule"], line["finding"]["message"][:9]) == ("not_checked", "broke off")
    with pytest.raises(peewee.OperationalError):
        write_damage(away, MIGRATIONS)


def test_damage_is_one_line(migrated: peewee.Database, capfd: pytest.CaptureFixture[str]) -> None:
    write_damage(migrated, MIGRATIONS)
    execute(migrated, "DROP TABLE refresh_tokens")
    write_damage(migrated, MIGRATIONS)
    assert written(capfd) == [{"damage": None}, {"damage": "the table refresh_tokens is missing"}]
