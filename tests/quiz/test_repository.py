"""The contract of QuizStore: one suite for the in-memory twin, for SQLite and for PostgreSQL."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.web.pages import PageRequest
from services.quiz import rules
from services.quiz.entities import Attempt, Grade, GradedAnswer, Option, Question, Quiz, Revision
from services.quiz.errors import LessonHasQuiz, QuizNotFound
from services.quiz.models import AttemptRow, OptionRow, QuestionRow, QuizRow, RevisionRow
from services.quiz.repository.contracts import ALL, QuizFilter, QuizStore, attempt_key, quiz_key
from services.quiz.repository.store import PeeweeQuizStore
from tests.clock import LATER, NOON, SECOND
from tests.quiz.examples import (
    a_question,
    a_quiz,
    an_attempt,
    numbered_quiz,
    question_lists,
    quizzes,
    right,
    some_questions,
)
from tests.stores import over_one_store, turned_over, undone

ANY = QuizFilter()


def add(store: QuizStore, *quizzes_to_add: Quiz) -> None:
    """Keep them."""
    with store.transaction():
        for quiz in quizzes_to_add:
            store.quizzes.add(quiz)


def frozen(quiz: Quiz) -> Revision:
    """The copy that writing this quiz makes."""
    return Revision(quiz.revision_id, quiz.id, quiz.title, quiz.pass_percentage, quiz.questions, quiz.updated_at)


def edited(quiz: Quiz, number: int) -> Quiz:
    """The quiz after its edit of that number: nothing asked is as it was."""
    return replace(
        quiz,
        title=f"Edit {number}",
        pass_percentage=number,
        revision_id=f"{quiz.revision_id}-edit-{number}",
        updated_at=quiz.updated_at + number * SECOND,
        questions=(replace(a_question(number, False, True), id=f"question-of-edit-{number}"),),
    )


# Quizzes


def test_an_empty_store_knows_no_quiz_and_no_attempt(store: QuizStore) -> None:
    assert store.quizzes.list(ANY) == []
    assert store.attempts.list("quiz-1", ALL) == []
    assert store.attempts.revisions(["revision-1"]) == {}
    for get in (store.quizzes.get, store.quizzes.get_by_lesson):
        with pytest.raises(QuizNotFound):
            get("quiz-1")


def test_an_added_quiz_comes_back_whole_by_id_by_lesson_and_in_the_list(store: QuizStore) -> None:
    quiz = a_quiz(updated_at=LATER)
    add(store, quiz, numbered_quiz(2, created_at=LATER))
    assert store.quizzes.get("quiz-1") == quiz
    assert store.quizzes.get_by_lesson("lesson-1") == quiz
    assert store.quizzes.list(QuizFilter(lesson_id="lesson-1")) == [quiz]
    assert store.attempts.revisions(["revision-1"]) == {"revision-1": frozen(quiz)}


def test_reading_for_a_change_reads_the_same(store: QuizStore) -> None:
    add(store, a_quiz())
    with store.transaction():
        assert store.quizzes.get("quiz-1", for_update=True) == a_quiz()
        assert store.quizzes.get_by_lesson("lesson-1", for_share=True) == a_quiz()
        with pytest.raises(QuizNotFound):
            store.quizzes.get("quiz-2", for_update=True)
        with pytest.raises(QuizNotFound):
            store.quizzes.get_by_lesson("lesson-2", for_share=True)


@over_one_store
@given(quiz=quizzes())
def test_every_quiz_comes_back_equal_to_what_was_written(store: QuizStore, quiz: Quiz) -> None:
    with undone(store):
        store.quizzes.add(quiz)
        assert store.quizzes.get(quiz.id) == quiz
        assert store.quizzes.get_by_lesson(quiz.lesson_id) == quiz
        assert store.quizzes.list(ANY) == [quiz]
        assert store.attempts.revisions([quiz.revision_id]) == {quiz.revision_id: frozen(quiz)}


@pytest.mark.parametrize(
    "text",
    [
        "Žluťoučký 🎬 'quoted' \"twice\" % ? :x \\ {} ; DROP TABLE quizzes",
        "e\u0301 is not \u00e9",
        "שלום \u202eright to left\u202c",
        "\u2028line\u2029paragraph\ufeff\u00a0",
        "👩\u200d👩\u200d👧\U0010ffff",
        "\t\n\r",
    ],
)
def test_texts_of_every_script_and_awkward_kind_come_back_as_they_were(store: QuizStore, text: str) -> None:
    question = a_question(1)
    option = replace(question.options[0], text=text)
    quiz = a_quiz(title=text, questions=(replace(question, prompt=text, options=(option, question.options[1])),))
    add(store, quiz)
    assert store.quizzes.get("quiz-1") == quiz
    assert store.attempts.revisions(["revision-1"]) == {"revision-1": frozen(quiz)}


def test_the_largest_quiz_that_the_contract_lets_through_comes_back_whole(store: QuizStore) -> None:
    quiz = a_quiz(questions=tuple(a_question(order, *[True] * 10) for order in range(1, 31)))
    add(store, quiz)
    assert store.quizzes.get("quiz-1") == quiz


@pytest.mark.parametrize(
    "instant",
    [datetime(1, 1, 1, tzinfo=UTC), NOON - timedelta(milliseconds=1), datetime(9999, 12, 31, 23, 59, 59, 999000, UTC)],
)
def test_every_instant_comes_back_to_the_millisecond(store: QuizStore, instant: datetime) -> None:
    quiz = a_quiz(created_at=instant, updated_at=instant)
    add(store, quiz)
    store.attempts.add(an_attempt(submitted_at=instant))
    assert store.quizzes.get("quiz-1") == quiz
    assert store.attempts.list("quiz-1", ALL) == [an_attempt(submitted_at=instant)]


def test_a_lesson_has_at_most_one_quiz(store: QuizStore) -> None:
    add(store, a_quiz())
    with store.transaction():
        with pytest.raises(LessonHasQuiz):
            store.quizzes.add(numbered_quiz(2, lesson_id="lesson-1"))
        # The refusal leaves nothing behind, and the transaction usable.
        store.quizzes.add(numbered_quiz(2))
    assert store.quizzes.list(ANY) == [a_quiz(), numbered_quiz(2)]
    assert store.attempts.revisions(["revision-2"]) == {"revision-2": frozen(numbered_quiz(2))}


@pytest.mark.parametrize("taken", [{"id": "quiz-1"}, {"revision_id": "revision-1"}])
def test_a_quiz_whose_id_is_taken_is_refused_and_changes_nothing(store: QuizStore, taken: dict[str, str]) -> None:
    add(store, a_quiz())
    with pytest.raises(peewee.IntegrityError):
        add(store, numbered_quiz(2, **taken))
    assert store.quizzes.list(ANY) == [a_quiz()]


def test_a_quiz_may_be_given_to_a_lesson_again_after_the_first_is_removed(store: QuizStore) -> None:
    add(store, a_quiz())
    with store.transaction():
        store.quizzes.remove("quiz-1")
        store.quizzes.add(numbered_quiz(2, lesson_id="lesson-1"))
    assert store.quizzes.get_by_lesson("lesson-1") == numbered_quiz(2, lesson_id="lesson-1")


def test_save_replaces_the_quiz_and_all_its_questions(store: QuizStore) -> None:
    add(store, a_quiz(), numbered_quiz(2))
    changed = edited(a_quiz(), 1)
    with store.transaction():
        store.quizzes.save(changed)
    assert store.quizzes.get("quiz-1") == changed
    assert store.quizzes.get("quiz-2") == numbered_quiz(2)


@over_one_store
@given(before=question_lists(), after=question_lists())
def test_whatever_was_asked_before_only_what_is_saved_is_asked_afterwards(
    store: QuizStore, before: tuple[object, ...], after: tuple[object, ...]
) -> None:
    with undone(store):
        store.quizzes.add(a_quiz(questions=before))
        changed = a_quiz(questions=after, revision_id="revision-2", updated_at=LATER)
        store.quizzes.save(changed)
        assert store.quizzes.get("quiz-1") == changed
        assert store.attempts.revisions(["revision-1", "revision-2"]) == {"revision-2": frozen(changed)}


def test_what_is_not_there_is_neither_saved_nor_removed(store: QuizStore) -> None:
    with pytest.raises(QuizNotFound), store.transaction():
        store.quizzes.save(a_quiz())
    with pytest.raises(QuizNotFound), store.transaction():
        store.quizzes.remove("quiz-1")
    assert store.quizzes.list(ANY) == []
    assert store.attempts.revisions(["revision-1"]) == {}


def test_a_removed_quiz_is_gone_and_no_other(store: QuizStore) -> None:
    add(store, a_quiz(), numbered_quiz(2))
    with store.transaction():
        store.quizzes.remove("quiz-1")
    assert store.quizzes.list(ANY) == [numbered_quiz(2)]
    with pytest.raises(QuizNotFound):
        store.quizzes.remove("quiz-1")


@pytest.mark.parametrize(
    ("which", "removed"),
    [
        (QuizFilter(event_id="event-1"), [1, 2]),
        (QuizFilter(lesson_id="lesson-2"), [2]),
        (QuizFilter("event-1", "lesson-2"), [2]),
        (QuizFilter("event-2", "lesson-2"), []),
        (QuizFilter(event_id="event-9"), []),
        (QuizFilter(), [1, 2, 3]),
    ],
)
def test_remove_all_removes_the_quizzes_of_an_event_or_of_a_lesson(
    store: QuizStore, which: QuizFilter, removed: list[int]
) -> None:
    stored = [numbered_quiz(1), numbered_quiz(2), numbered_quiz(3, event_id="event-2")]
    add(store, *stored)
    with store.transaction():
        assert store.quizzes.remove_all(which) == len(removed)
        assert store.quizzes.remove_all(which) == 0
    left = [quiz for number, quiz in enumerate(stored, 1) if number not in removed]
    assert store.quizzes.list(ANY) == left
    revisions = store.attempts.revisions([quiz.revision_id for quiz in stored])
    assert revisions == {quiz.revision_id: frozen(quiz) for quiz in left}


@pytest.mark.parametrize(
    ("which", "listed"),
    [
        (QuizFilter(), [1, 2, 3]),
        (QuizFilter(event_id="event-1"), [1, 2]),
        (QuizFilter(lesson_id="lesson-3"), [3]),
        (QuizFilter("event-1", "lesson-3"), []),
    ],
)
def test_the_list_is_of_the_event_or_the_lesson_or_everything(
    store: QuizStore, which: QuizFilter, listed: list[int]
) -> None:
    stored = [numbered_quiz(1), numbered_quiz(2), numbered_quiz(3, event_id="event-2")]
    add(store, *stored)
    assert store.quizzes.list(which) == [stored[number - 1] for number in listed]


def test_the_list_is_by_creation_oldest_first_and_by_id_where_that_ties(store: QuizStore) -> None:
    first, tied, also_tied, last = (
        numbered_quiz(4, created_at=NOON - SECOND),
        numbered_quiz(2),
        numbered_quiz(3),
        numbered_quiz(1, created_at=LATER),
    )
    add(store, also_tied, last, first, tied)
    assert store.quizzes.list(ANY) == [first, tied, also_tied, last]


@over_one_store
@given(seconds=st.lists(st.integers(0, 2), max_size=7), limit=st.integers(1, 8))
def test_pages_of_quizzes_neither_skip_nor_repeat(store: QuizStore, seconds: list[int], limit: int) -> None:
    stored = [numbered_quiz(number, created_at=NOON + second * SECOND) for number, second in enumerate(seconds)]
    with undone(store):
        for quiz in stored:
            store.quizzes.add(quiz)
        pages = turned_over(lambda request: store.quizzes.list(ANY, request), quiz_key, limit)
        assert pages == sorted(stored, key=quiz_key)


def test_a_page_begins_behind_its_cursor_even_when_that_quiz_is_gone(store: QuizStore) -> None:
    stored = [numbered_quiz(number) for number in (1, 2, 3)]
    add(store, *stored)
    with store.transaction():
        store.quizzes.remove("quiz-2")
    assert store.quizzes.list(ANY, PageRequest(1, quiz_key(stored[1]))) == [stored[2]]


# Attempts


def test_an_added_attempt_comes_back_whole(store: QuizStore) -> None:
    add(store, a_quiz())
    store.attempts.add(an_attempt())
    assert store.attempts.list("quiz-1", ALL) == [an_attempt()]
    assert store.attempts.list("quiz-2", ALL) == []


@over_one_store
@given(quiz=quizzes(), data=st.data())
def test_every_graded_attempt_comes_back_equal_to_what_was_written(
    store: QuizStore, quiz: Quiz, data: st.DataObject
) -> None:
    answered = data.draw(st.lists(st.sampled_from(quiz.questions), unique=True))
    attempt = an_attempt(
        quiz_id=quiz.id,
        revision_id=quiz.revision_id,
        event_id=quiz.event_id,
        lesson_id=quiz.lesson_id,
        grade=rules.grade(quiz, [right(question) for question in answered]),
    )
    with undone(store):
        store.quizzes.add(quiz)
        store.attempts.add(attempt)
        assert store.attempts.list(quiz.id, ALL) == [attempt]


def test_attempts_are_listed_newest_first_and_by_id_where_that_ties(store: QuizStore) -> None:
    add(store, a_quiz())
    newest, tied, also_tied, oldest = (
        an_attempt(id="a", submitted_at=LATER),
        an_attempt(id="c"),
        an_attempt(id="b"),
        an_attempt(id="d", submitted_at=NOON - SECOND),
    )
    for attempt in (tied, oldest, newest, also_tied):
        store.attempts.add(attempt)
    assert store.attempts.list("quiz-1", ALL) == [newest, tied, also_tied, oldest]


@over_one_store
@given(seconds=st.lists(st.integers(0, 2), max_size=7), limit=st.integers(1, 8))
def test_pages_of_attempts_neither_skip_nor_repeat(store: QuizStore, seconds: list[int], limit: int) -> None:
    stored = [an_attempt(id=f"a-{number}", submitted_at=NOON + each * SECOND) for number, each in enumerate(seconds)]
    with undone(store):
        store.quizzes.add(a_quiz())
        for attempt in stored:
            store.attempts.add(attempt)
        pages = turned_over(lambda request: store.attempts.list("quiz-1", request), attempt_key, limit)
        assert pages == sorted(stored, key=attempt_key, reverse=True)


def test_the_attempts_of_a_removed_quiz_stay_listed(store: QuizStore) -> None:
    add(store, a_quiz())
    store.attempts.add(an_attempt())
    with store.transaction():
        store.quizzes.remove("quiz-1")
    assert store.attempts.list("quiz-1", ALL) == [an_attempt()]


@pytest.mark.parametrize("broken", [{"id": "attempt-1"}, {"id": "attempt-2", "revision_id": "no-revision"}])
def test_an_attempt_whose_id_is_taken_or_that_was_asked_nothing_is_refused(
    store: QuizStore, broken: dict[str, str]
) -> None:
    add(store, a_quiz())
    store.attempts.add(an_attempt())
    with pytest.raises(peewee.IntegrityError), store.transaction():
        store.attempts.add(an_attempt(**broken))
    assert store.attempts.list("quiz-1", ALL) == [an_attempt()]


# Revisions


def test_revisions_come_by_id_and_those_unknown_are_left_out(store: QuizStore) -> None:
    add(store, numbered_quiz(1), numbered_quiz(2))
    assert store.attempts.revisions([]) == {}
    assert store.attempts.revisions({"revision-2", "revision-9"}) == {"revision-2": frozen(numbered_quiz(2))}
    assert store.attempts.revisions(iter(["revision-1", "revision-1"])) == {"revision-1": frozen(numbered_quiz(1))}


def test_what_an_attempt_was_asked_never_changes_whatever_becomes_of_the_quiz(store: QuizStore) -> None:
    add(store, a_quiz())
    store.attempts.add(an_attempt())
    asked = {"revision-1": frozen(a_quiz())}
    for number in (1, 2):
        with store.transaction():
            store.quizzes.save(edited(a_quiz(), number))
        assert store.attempts.revisions(["revision-1"]) == asked
    with store.transaction():
        store.quizzes.remove_all(QuizFilter(event_id="event-1"))
    assert store.attempts.revisions(["revision-1"]) == asked
    add(store, numbered_quiz(2, lesson_id="lesson-1"))
    assert store.attempts.revisions(["revision-1"]) == asked


def test_revisions_that_no_attempt_refers_to_are_forgotten(store: QuizStore) -> None:
    add(store, a_quiz(), numbered_quiz(2))
    first, second = edited(a_quiz(), 1), edited(a_quiz(), 2)
    every_id = ["revision-1", "revision-2", first.revision_id, second.revision_id]
    with store.transaction():
        store.quizzes.save(first)
    store.attempts.add(an_attempt(revision_id=first.revision_id))
    with store.transaction():
        store.quizzes.save(second)
    assert set(store.attempts.revisions(every_id)) == {"revision-2", first.revision_id, second.revision_id}
    with store.transaction():
        store.quizzes.remove("quiz-1")
    assert set(store.attempts.revisions(every_id)) == {"revision-2", first.revision_id}


def test_of_removed_quizzes_only_the_revisions_with_attempts_stay(store: QuizStore) -> None:
    add(store, numbered_quiz(1), numbered_quiz(2))
    store.attempts.add(an_attempt())
    with store.transaction():
        store.quizzes.remove_all(QuizFilter(event_id="event-1"))
    assert store.attempts.revisions(["revision-1", "revision-2"]) == {"revision-1": frozen(numbered_quiz(1))}


# Transactions


def everything(store: QuizStore) -> tuple[Sequence[Quiz], Sequence[Attempt], dict[str, Revision]]:
    """All that the store holds of the quizzes 1 and 2."""
    revision_ids = [each.revision_id for each in (a_quiz(), edited(a_quiz(), 1), numbered_quiz(2))]
    return store.quizzes.list(ANY), store.attempts.list("quiz-1", ALL), store.attempts.revisions(revision_ids)


WRITES: dict[str, Callable[[QuizStore], object]] = {
    "add": lambda store: store.quizzes.add(numbered_quiz(2)),
    "save": lambda store: store.quizzes.save(edited(a_quiz(), 1)),
    "remove": lambda store: store.quizzes.remove("quiz-1"),
    "remove_all": lambda store: store.quizzes.remove_all(ANY),
    "add an attempt": lambda store: store.attempts.add(an_attempt(id="attempt-2")),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_an_exception_in_a_transaction_undoes_every_write(
    store: QuizStore, write: Callable[[QuizStore], object]
) -> None:
    add(store, a_quiz())
    store.attempts.add(an_attempt())
    before = everything(store)
    with undone(store):
        write(store)
        assert everything(store) != before
    assert everything(store) == before


def test_an_exception_in_an_inner_transaction_undoes_the_inner_writes_only(store: QuizStore) -> None:
    with store.transaction():
        store.quizzes.add(a_quiz())
        with undone(store):
            store.quizzes.add(numbered_quiz(2))
    assert store.quizzes.list(ANY) == [a_quiz()]


# What only a database sees


QUIZ_COLUMNS = {
    "id": "quiz-2",
    "event_id": "event-1",
    "lesson_id": "lesson-2",
    "title": "Title",
    "pass_percentage": 70,
    "revision": "revision-1",
    "created_at": NOON,
    "updated_at": NOON,
}
ATTEMPT_COLUMNS = {
    "id": "attempt-1",
    "quiz_id": "quiz-1",
    "revision": "revision-1",
    "event_id": "event-1",
    "lesson_id": "lesson-1",
    "answers": "[]",
    "answered_questions": 1,
    "correct_answers": 1,
    "score_percentage": 50,
    "pass_percentage": 70,
    "submitted_at": NOON,
}
REVISION_COLUMNS = {
    "id": "revision-2",
    "quiz_id": "quiz-1",
    "title": "Title",
    "pass_percentage": 70,
    "questions": "[]",
    "created_at": NOON,
}
QUESTION_COLUMNS = {"id": "question-3", "quiz": "quiz-1", "prompt": "Prompt", "position": 3}
OPTION_COLUMNS = {"id": "o", "question": "question-1", "text": "Text", "is_correct": True, "position": 3}

SOUND_ROWS = [
    (QuizRow, QUIZ_COLUMNS),
    (AttemptRow, ATTEMPT_COLUMNS),
    (RevisionRow, REVISION_COLUMNS),
    (QuestionRow, QUESTION_COLUMNS),
    (OptionRow, OPTION_COLUMNS),
]
BREACHES = [
    (QuizRow, {**QUIZ_COLUMNS, "pass_percentage": 101}),
    (QuizRow, {**QUIZ_COLUMNS, "pass_percentage": -1}),
    (QuizRow, {**QUIZ_COLUMNS, "revision": "revision-9"}),
    (QuizRow, {**QUIZ_COLUMNS, "lesson_id": "lesson-1"}),
    (RevisionRow, {**REVISION_COLUMNS, "pass_percentage": 101}),
    (QuestionRow, {**QUESTION_COLUMNS, "position": 1}),
    (QuestionRow, {**QUESTION_COLUMNS, "position": 0}),
    (QuestionRow, {**QUESTION_COLUMNS, "quiz": "quiz-9"}),
    (OptionRow, {**OPTION_COLUMNS, "position": 1}),
    (OptionRow, {**OPTION_COLUMNS, "position": 0}),
    (OptionRow, {**OPTION_COLUMNS, "question": "question-9"}),
    (AttemptRow, {**ATTEMPT_COLUMNS, "score_percentage": 101}),
    (AttemptRow, {**ATTEMPT_COLUMNS, "pass_percentage": 101}),
    (AttemptRow, {**ATTEMPT_COLUMNS, "correct_answers": 2}),
    (AttemptRow, {**ATTEMPT_COLUMNS, "correct_answers": -1}),
    (AttemptRow, {**ATTEMPT_COLUMNS, "revision": "revision-9"}),
]


@pytest.mark.parametrize(("table", "columns"), SOUND_ROWS)
def test_a_sound_row_is_kept_so_that_the_violations_below_have_one_cause_each(
    quiz_database: peewee.Database, table: type[peewee.Model], columns: dict[str, object]
) -> None:
    add(PeeweeQuizStore(quiz_database), a_quiz())
    table.insert(columns).execute(quiz_database)


@pytest.mark.parametrize(("table", "columns"), BREACHES)
def test_the_database_refuses_what_no_rule_would_write(
    quiz_database: peewee.Database, table: type[peewee.Model], columns: dict[str, object]
) -> None:
    add(PeeweeQuizStore(quiz_database), a_quiz())
    with pytest.raises(peewee.IntegrityError):
        table.insert(columns).execute(quiz_database)


def test_the_database_keeps_a_revision_that_a_quiz_or_an_attempt_refers_to(quiz_database: peewee.Database) -> None:
    store = PeeweeQuizStore(quiz_database)
    add(store, a_quiz())
    with pytest.raises(peewee.IntegrityError):
        RevisionRow.delete().execute(quiz_database)
    store.attempts.add(an_attempt())
    store.quizzes.remove("quiz-1")
    with pytest.raises(peewee.IntegrityError):
        RevisionRow.delete().execute(quiz_database)
    assert store.attempts.revisions(["revision-1"]) == {"revision-1": frozen(a_quiz())}


FROZEN_QUESTIONS = """[
    {"id": "question-1", "prompt": "Příliš?", "order": 1, "options": [
        {"id": "option-1", "text": "Yes", "is_correct": true}, {"id": "option-2", "text": "No", "is_correct": false}]},
    {"id": "question-2", "prompt": "Why?", "order": 3, "options": [
        {"id": "option-3", "text": "So", "is_correct": false}, {"id": "option-4", "text": "Not", "is_correct": true}]}
]"""
FROZEN_ANSWERS = """[
    {"question_id": "question-1", "submitted_option_id": "option-1", "correct_option_id": "option-1",
     "is_correct": true},
    {"question_id": "question-2", "submitted_option_id": null, "correct_option_id": "option-4", "is_correct": false}
]"""


def test_documents_frozen_under_the_names_of_today_are_read_whatever_the_records_are_called_later(
    quiz_database: peewee.Database,
) -> None:
    # These texts are in people's databases: never change them with the code.
    RevisionRow.insert({**REVISION_COLUMNS, "questions": FROZEN_QUESTIONS}).execute(quiz_database)
    attempt = {**ATTEMPT_COLUMNS, "revision": "revision-2", "answers": FROZEN_ANSWERS}
    AttemptRow.insert(attempt).execute(quiz_database)
    store = PeeweeQuizStore(quiz_database)

    questions = (
        Question("question-1", "Příliš?", 1, (Option("option-1", "Yes", True), Option("option-2", "No", False))),
        Question("question-2", "Why?", 3, (Option("option-3", "So", False), Option("option-4", "Not", True))),
    )
    answers = (
        GradedAnswer("question-1", "option-1", "option-1", True),
        GradedAnswer("question-2", None, "option-4", False),
    )
    revision = Revision("revision-2", "quiz-1", "Title", 70, questions, NOON)
    graded = an_attempt(revision_id="revision-2", grade=Grade(answers, 1, 1, 50, 70))
    assert store.attempts.revisions(["revision-2"]) == {"revision-2": revision}
    assert store.attempts.list("quiz-1", ALL) == [graded]


def test_no_row_of_a_removed_quiz_is_left_behind(quiz_database: peewee.Database) -> None:
    store = PeeweeQuizStore(quiz_database)
    add(store, a_quiz(questions=some_questions(3)))
    store.quizzes.remove("quiz-1")
    for table in (QuizRow, QuestionRow, OptionRow, RevisionRow):
        assert table.select().count(quiz_database) == 0
