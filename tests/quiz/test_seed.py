"""services.quiz.seed: what each set holds, and that people's rows are safe from it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

import peewee
import pytest

from services.kit.storage.database import delete_all_rows
from services.kit.web.schemas import validated
from services.quiz.config import read_settings
from services.quiz.entities import Answer, ContentKey, Option, Question, Quiz, QuizFilter
from services.quiz.migrations import MIGRATIONS
from services.quiz.models import TABLES, FeedPositionRow, QuizRow, RevisionRow, TombstoneRow
from services.quiz.repository.contracts import QuizStore
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.schemas.quizzes import NewQuiz, quiz_view
from services.quiz.seed import SAMPLES, SETS, seed_database, seed_store
from services.quiz.seed.samples import SampleQuiz
from services.quiz.service.quiz import QuizService
from tests.audit import entries_in
from tests.clock import NOON
from tests.databases import forget_entries
from tests.quiz.examples import quiz_changes
from tests.quiz.memory import InMemoryQuizStore

PUBLIC = "quiz-public-1"


@pytest.fixture
def memory() -> InMemoryQuizStore:
    return InMemoryQuizStore()


@pytest.fixture
def service(memory: InMemoryQuizStore) -> QuizService:
    """The service; every lesson exists."""
    return QuizService(memory, lambda event_id, lesson_id: None, lambda: NOON)


def quizzes(store: QuizStore) -> list[Quiz]:
    """All quizzes without their revision ids, which differ from seeding to seeding."""
    return [replace(quiz, revision_id="") for quiz in store.quizzes.list(QuizFilter())]


def test_minimal_is_one_quiz_of_two_questions(memory: InMemoryQuizStore) -> None:
    assert seed_store(memory, SAMPLES["minimal"], NOON) == {"quizzes": 1}
    (quiz,) = quizzes(memory)
    assert (quiz.id, quiz.event_id, quiz.lesson_id) == (PUBLIC, "event-public-1", "lesson-public-1")
    assert [question.id for question in quiz.questions] == [f"{PUBLIC}-question-1", f"{PUBLIC}-question-2"]
    assert quiz.questions[0] == Question(
        f"{PUBLIC}-question-1",
        "What does a first version have to prove?",
        1,
        (
            Option(f"{PUBLIC}-question-1-option-1", "That the code base can grow to a million users", False),
            Option(f"{PUBLIC}-question-1-option-2", "That somebody wants the promise it makes", True),
            Option(f"{PUBLIC}-question-1-option-3", "That every feature of the competition can be copied", False),
        ),
    )


def test_every_demo_quiz_is_one_that_a_person_could_have_made(memory: InMemoryQuizStore) -> None:
    assert seed_store(memory, SAMPLES["demo"], NOON) == {"quizzes": 12}
    seeded = quizzes(memory)
    assert [quiz.id for quiz in seeded] == [sample.id for sample in SAMPLES["demo"]]
    for quiz in seeded:
        assert validated(NewQuiz, quiz_view(quiz)).title == quiz.title
        assert 2 <= len(quiz.questions) <= 5
        for question in quiz.questions:
            assert 3 <= len(question.options) <= 4
            assert 1 <= sum(option.is_correct for option in question.options) <= 2


def test_either_of_two_right_options_passes(memory: InMemoryQuizStore, service: QuizService) -> None:
    seed_store(memory, SAMPLES["minimal"], NOON)
    first = Answer(f"{PUBLIC}-question-1", f"{PUBLIC}-question-1-option-2")
    for option in (1, 3):
        second = Answer(f"{PUBLIC}-question-2", f"{PUBLIC}-question-2-option-{option}")
        assert service.learners.submit("lesson-public-1", [first, second]).attempt.grade.score_percentage == 100


def add(database: peewee.Database, name: str, *, anew: bool = False) -> int:
    """Seed, and return the number of added quizzes."""
    return sum(seed_database(database, read_settings({}), name, anew=anew).values())


@pytest.mark.parametrize("again", SETS)
def test_an_edited_quiz_stays_and_a_second_seeding_adds_nothing(quiz_database: peewee.Database, again: str) -> None:
    assert add(quiz_database, "minimal") == 1
    store = PeeweeQuizStore(quiz_database)
    QuizService(store, lambda event_id, lesson_id: None).quizzes.update(PUBLIC, quiz_changes(title="Mine"))
    before = store.quizzes.list(QuizFilter())
    assert add(quiz_database, again) == 0
    assert store.quizzes.list(QuizFilter()) == before


def test_sample_quizzes_that_an_admin_deleted_stay_deleted(quiz_database: peewee.Database) -> None:
    add(quiz_database, "demo")
    service = QuizService(PeeweeQuizStore(quiz_database), lambda event_id, lesson_id: None)
    for sample in SAMPLES["demo"]:
        service.quizzes.delete(sample.id)
    # An archived audit log tells nothing of it: the mark does.
    forget_entries(quiz_database)
    assert [add(quiz_database, name) for name in SETS] == [0, 0]
    assert quizzes(PeeweeQuizStore(quiz_database)) == []
    assert add(quiz_database, "demo", anew=True) == 12


# A database of the release before has no mark.
SIGNS_OF_USE: dict[str, Callable[[PeeweeQuizStore], object]] = {
    "a quiz": lambda store: store.quizzes.add(SAMPLES["minimal"][0].at(NOON)),
    "an audit entry": lambda store: store.audit.append([("quiz.deleted", PUBLIC)]),
    "a lesson that content deleted": lambda store: store.following.add_tombstones([ContentKey("lesson", "l")], NOON),
}


@pytest.mark.parametrize("use", SIGNS_OF_USE.values(), ids=SIGNS_OF_USE.keys())
def test_a_database_in_use_counts_as_seeded_for_ever(
    quiz_database: peewee.Database, use: Callable[[PeeweeQuizStore], object]
) -> None:
    use(PeeweeQuizStore(quiz_database))
    assert add(quiz_database, "demo") == 0
    for table in (QuizRow, RevisionRow, TombstoneRow):
        table.delete().execute(quiz_database)
    forget_entries(quiz_database)
    assert add(quiz_database, "demo") == 0


def test_the_follower_may_run_before_the_first_seeding(quiz_database: peewee.Database) -> None:
    FeedPositionRow.insert(id=1, feed_id="feed", position=5, followed_at=NOON).execute(quiz_database)
    assert add(quiz_database, "minimal") == 1


def test_a_seeding_that_breaks_off_leaves_nothing(memory: InMemoryQuizStore) -> None:
    before = memory.everything()
    with pytest.raises(AttributeError):
        seed_store(memory, [*SAMPLES["demo"], cast(SampleQuiz, None)], NOON)
    assert memory.everything() == before


def test_seedings_at_the_same_time_add_every_quiz_once(database: peewee.Database) -> None:
    MIGRATIONS.up(database)
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda name: add(database, name), ["demo"] * 4))
    assert sorted(added) == [0, 0, 0, 12]


def test_after_clearing_a_seeding_brings_back_the_same_quizzes(quiz_database: peewee.Database) -> None:
    store = PeeweeQuizStore(quiz_database)
    seed_store(store, SAMPLES["demo"], NOON)
    QuizService(store, lambda event_id, lesson_id: None).learners.submit("lesson-public-1", [])
    before, entries = quizzes(store), [("quiz.created", sample.id) for sample in SAMPLES["demo"]]
    delete_all_rows(quiz_database, TABLES)
    left: dict[str, Any] = {table.__name__: table.select().count(quiz_database) for table in TABLES}
    assert {table for table, count in left.items() if count} == {"AuditRow"}
    seed_store(store, SAMPLES["demo"], NOON)
    assert quizzes(store) == before
    assert entries_in(store.audit) == entries * 2
