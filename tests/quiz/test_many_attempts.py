"""A check of many attempts checks each, in memory that does not grow with their number.

FLIX_CHECKED_ATTEMPTS=1000000 pytest -s tests/quiz/test_many_attempts.py prints how long a million takes.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import peewee
import pytest

from services.kit.storage.database import is_postgresql, long_running_connection, transaction
from services.quiz.migrations import MIGRATIONS
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.service.quiz import QuizService
from tests.quiz.examples import a_quiz, right

pytestmark = pytest.mark.full

ATTEMPTS = int(os.environ.get("FLIX_CHECKED_ATTEMPTS", "20000"))
# Measured: 67 MiB with 20,000 attempts, 70 with a million, whose rows take several hundred.
MEMORY_LIMIT_MIB = 120

CHECK = r"""
import re, sys, time
from pathlib import Path
from services.kit.storage.database import open_database
from services.kit.maintenance.examination import examine
from services.quiz.integrity import examination
from tests.quiz.agreeing import AgreeingContent
class Count:
    rows = 0
    def begin(self, stage, total): print("stage", stage, total, round(time.monotonic() - began, 1), file=sys.stderr)
    def advance(self, rows): self.rows += rows
began, count = time.monotonic(), Count()
for finding in examine(open_database(sys.argv[1]), examination(AgreeingContent()), count):
    print(finding.line())
# Not ru_maxrss: Linux counts in it what the process that started this one had in memory.
peak = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
print(count.rows, peak // 1024, round(time.monotonic() - began, 1))
"""


def copies_of(original: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for number in range(ATTEMPTS):
        yield (f"attempt-{number:09}", *original[1:])


def fill(database: Any) -> None:
    """Write a quiz with an attempt, and copies of the attempt in bulk."""
    MIGRATIONS.up(database)
    store = PeeweeQuizStore(database)
    quiz = a_quiz()
    store.quizzes.add(quiz)
    service = QuizService(store, lambda event_id, lesson_id: None)
    service.learners.submit(quiz.lesson_id, [right(quiz.questions[0])])
    with long_running_connection(database), transaction(database):
        original = database.execute_sql("SELECT * FROM quiz_attempts").fetchone()
        cursor = database.cursor()
        if is_postgresql(database):
            with cursor.copy("COPY quiz_attempts FROM STDIN") as copy:
                for row in copies_of(original):
                    copy.write_row(row)
        else:
            marks = ", ".join("?" * len(original))
            cursor.executemany(f"INSERT INTO quiz_attempts VALUES ({marks})", copies_of(original))


def test_every_attempt_is_checked_in_memory_that_does_not_grow(database: peewee.Database, database_url: str) -> None:
    fill(database)
    database.execute_sql("UPDATE quiz_attempts SET score_percentage = 51 WHERE id = 'attempt-000000007'")
    database.close()

    done = subprocess.run([sys.executable, "-c", CHECK, database_url], capture_output=True, text=True, check=True)

    finding, figures = done.stdout.splitlines()
    rows, mebibytes, seconds = figures.split()
    print(f"\n{ATTEMPTS} attempts: {seconds} s, {mebibytes} MiB\n{done.stderr}")  # noqa: T201 the figures are the point
    assert finding == "quiz_attempts attempt-000000007 attempt_score: its score is 51 and should be 50"
    # The attempts, the one they are copies of, and the quiz.
    assert int(rows) == ATTEMPTS + 2
    assert int(mebibytes) < MEMORY_LIMIT_MIB
