"""services.quiz.seed on both engines: what each set holds, and that people's rows are safe from it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

import peewee
import pytest

from services.kit.storage.database import delete_all_rows
from services.kit.web.pages import PageRequest
from services.kit.web.schemas import validated
from services.quiz.config import Settings, read_settings
from services.quiz.entities import Answer, NewQuestion, Option, Question, Quiz
from services.quiz.migrations import MIGRATIONS
from services.quiz.models import TABLES, RevisionRow
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.schemas import NewQuiz, quiz_view
from services.quiz.seed import SAMPLES, SETS, seed_database, seed_store
from services.quiz.seed.samples import SampleQuiz
from services.quiz.service import QuizService
from tests.audit import entries_in
from tests.clock import NOON

ALL = PageRequest()
SETTINGS: Settings = read_settings({"SERVICE_SECRET": "0123456789abcdef0123456789abcdef"})
NEW_QUESTION = NewQuestion("Is this mine?", None, (("Yes", True), ("No", False)))


@pytest.fixture
def store(quiz_database: peewee.Database) -> PeeweeQuizStore:
    """An empty store, migrated."""
    return PeeweeQuizStore(quiz_database)


@pytest.fixture
def service(store: PeeweeQuizStore) -> QuizService:
    """Quiz at noon, in a world where every lesson exists."""
    return QuizService(store, lambda event_id, lesson_id: None, lambda: NOON)


def rows(database: peewee.Database) -> dict[str, list[Any]]:
    """Every column of every row."""
    return {table.__name__: sorted(table.select().tuples().execute(database), key=repr) for table in TABLES}


def quizzes(service: QuizService) -> list[Quiz]:
    """All of them, without the names of their frozen copies, which differ from seeding to seeding."""
    return [replace(quiz, revision_id="") for quiz in service.list_quizzes(None, None, ALL).items]


def test_minimal_is_one_quiz_of_two_questions(store: PeeweeQuizStore, service: QuizService) -> None:
    added = seed_store(store, SAMPLES["minimal"], NOON)
    (quiz,) = quizzes(service)
    assert added == {"quizzes": 1}
    assert (quiz.id, quiz.event_id, quiz.lesson_id) == ("quiz-public-1", "event-public-1", "lesson-public-1")
    assert [question.id for question in quiz.questions] == ["quiz-public-1-question-1", "quiz-public-1-question-2"]
    assert quiz.questions[0] == Question(
        "quiz-public-1-question-1",
        "What does a first version have to prove?",
        1,
        (
            Option("quiz-public-1-question-1-option-1", "That the code base can grow to a million users", False),
            Option("quiz-public-1-question-1-option-2", "That somebody wants the promise it makes", True),
            Option("quiz-public-1-question-1-option-3", "That every feature of the competition can be copied", False),
        ),
    )


def test_demo_is_a_dozen_quizzes_in_order(store: PeeweeQuizStore, service: QuizService) -> None:
    added = seed_store(store, SAMPLES["demo"], NOON)
    assert added == {"quizzes": 12}
    assert [quiz.id for quiz in quizzes(service)] == [sample.id for sample in SAMPLES["demo"]]


def test_every_sample_is_one_that_a_person_could_have_made(store: PeeweeQuizStore, service: QuizService) -> None:
    seed_store(store, SAMPLES["demo"], NOON)
    for quiz in quizzes(service):
        assert validated(NewQuiz, quiz_view(quiz)).title == quiz.title
        assert 2 <= len(quiz.questions) <= 5
        for question in quiz.questions:
            assert 3 <= len(question.options) <= 4
            assert 1 <= sum(option.is_correct for option in question.options) <= 2


def test_both_of_two_right_options_pass(store: PeeweeQuizStore, service: QuizService) -> None:
    seed_store(store, SAMPLES["minimal"], NOON)
    first = Answer("quiz-public-1-question-1", "quiz-public-1-question-1-option-2")
    for option in (1, 3):
        second = Answer("quiz-public-1-question-2", f"quiz-public-1-question-2-option-{option}")
        assert service.submit("lesson-public-1", [first, second]).attempt.grade.score_percentage == 100


@pytest.mark.parametrize("name", SETS)
def test_a_second_seeding_adds_nothing_and_changes_nothing(
    quiz_database: peewee.Database, store: PeeweeQuizStore, name: str
) -> None:
    seed_database(quiz_database, SETTINGS, name)
    before = rows(quiz_database)
    again = seed_store(store, SAMPLES[name], NOON)
    assert again == {"quizzes": 0}
    assert rows(quiz_database) == before


def test_demo_after_minimal_adds_only_the_rest(store: PeeweeQuizStore, service: QuizService) -> None:
    seed_store(store, SAMPLES["minimal"], NOON)
    before = service.get_quiz("quiz-public-1")
    added = seed_store(store, SAMPLES["demo"], NOON)
    assert added == {"quizzes": 11}
    assert service.get_quiz("quiz-public-1") == before


def test_what_a_person_has_changed_stays(
    quiz_database: peewee.Database, store: PeeweeQuizStore, service: QuizService
) -> None:
    seed_store(store, SAMPLES["demo"], NOON)
    service.update_quiz("quiz-public-1", "Mine", 10, [NEW_QUESTION])
    before = rows(quiz_database)
    added = seed_store(store, SAMPLES["demo"], NOON)
    assert added == {"quizzes": 0}
    assert rows(quiz_database) == before


def test_a_lesson_that_has_a_persons_quiz_keeps_it(
    quiz_database: peewee.Database, store: PeeweeQuizStore, service: QuizService
) -> None:
    mine = service.create_quiz("event-public-1", "lesson-public-1", "Mine", None, [NEW_QUESTION])
    before = rows(quiz_database)
    added = seed_store(store, SAMPLES["minimal"], NOON)
    assert added == {"quizzes": 0}
    assert service.get_lesson_quiz("lesson-public-1") == mine
    assert rows(quiz_database) == before


def test_a_deleted_quiz_comes_back_beside_its_attempts(
    quiz_database: peewee.Database, store: PeeweeQuizStore, service: QuizService
) -> None:
    seed_store(store, SAMPLES["minimal"], NOON)
    attempt = service.submit("lesson-public-1", []).attempt
    service.delete_quiz("quiz-public-1")
    added = seed_store(store, SAMPLES["minimal"], NOON)
    history = service.list_attempts("quiz-public-1", ALL)
    assert added == {"quizzes": 1}
    assert list(history.page.items) == [attempt]
    assert RevisionRow.select().count(quiz_database) == 2


def test_a_seeding_that_breaks_off_leaves_nothing(quiz_database: peewee.Database, store: PeeweeQuizStore) -> None:
    with pytest.raises(AttributeError):
        seed_store(store, [*SAMPLES["demo"], cast(SampleQuiz, None)], NOON)
    assert not any(rows(quiz_database).values())


def test_seedings_at_the_same_time_add_every_quiz_once(database: peewee.Database) -> None:
    # The connections of all threads are closed with this one's.
    MIGRATIONS.up(database)
    store = PeeweeQuizStore(database)
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda _: seed_store(store, SAMPLES["demo"], NOON)["quizzes"], range(4)))
    assert sum(added) == 12


def test_clear_and_plant_bring_back_the_same_quizzes(
    quiz_database: peewee.Database, store: PeeweeQuizStore, service: QuizService
) -> None:
    seed_store(store, SAMPLES["demo"], NOON)
    service.submit("lesson-public-1", [])
    before, entries = quizzes(service), [("quiz.created", sample.id) for sample in SAMPLES["demo"]]
    assert entries_in(store.audit) == entries
    delete_all_rows(quiz_database, TABLES)
    assert {table for table, of_table in rows(quiz_database).items() if of_table} == {"AuditRow"}
    seed_store(store, SAMPLES["demo"], NOON)
    assert quizzes(service) == before
    assert entries_in(store.audit) == entries * 2
