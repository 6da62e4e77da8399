"""The contract of QuizStore, on the in-memory twin, SQLite and PostgreSQL, and what only a database sees."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import peewee
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.kit.web.pages import PageRequest
from services.quiz import rules
from services.quiz.entities import (
    Attempt,
    AttemptFilter,
    ContentKey,
    FeedPosition,
    LessonReference,
    Quiz,
    QuizFilter,
    QuizReference,
    ReplacedRevision,
    Revision,
)
from services.quiz.errors import EventNotFound, LessonHasQuiz, LessonNotFound, QuizNotFound
from services.quiz.models import AttemptRow, OptionRow, QuestionRow, QuizRow, RevisionRow
from services.quiz.repository.contracts import ALL, ATTEMPT_ORDERS, QUIZ_ORDERS, QuizStore, quiz_key
from services.quiz.repository.store import PeeweeQuizStore
from tests.audit import entries_in
from tests.clock import LATER, NOON, SECOND
from tests.quiz.examples import a_question, a_quiz, an_attempt, numbered_quiz, question_lists, quizzes, right
from tests.stores import over_one_store, turned_over, undone

ANY = QuizFilter()


def add(store: QuizStore, *quizzes_to_add: Quiz) -> None:
    with store.transaction():
        for quiz in quizzes_to_add:
            store.quizzes.add(quiz)


def revision_of(*quizzes_of_revisions: Quiz) -> dict[str, Revision]:
    """The revisions that writing these quizzes makes, by id."""
    return {quiz.revision_id: quiz.revision for quiz in quizzes_of_revisions}


def edited(quiz: Quiz, number: int) -> Quiz:
    """The quiz after its edit of that number: everything it asks has changed."""
    return replace(
        quiz,
        title=f"Edit {number}",
        pass_percentage=number,
        revision_id=f"{quiz.revision_id}-edit-{number}",
        updated_at=quiz.updated_at + number * SECOND,
        questions=(replace(a_question(number, False, True), id=f"question-of-edit-{number}"),),
    )


def everything(store: QuizStore) -> tuple[object, ...]:
    """All that the store holds of the quizzes 1 and 2."""
    revision_ids = [each.revision_id for each in (a_quiz(), edited(a_quiz(), 1), numbered_quiz(2))]
    return (
        store.quizzes.list(ANY),
        store.attempts.list("quiz-1", ALL),
        store.attempts.revisions(revision_ids),
        store.quizzes.replaced("lesson-1"),
        store.following.position(),
        [each for page in store.following.tombstones(1) for each in page],
        entries_in(store.audit),
    )


# Quizzes


def test_an_empty_store_has_no_quiz_and_no_attempt(store: QuizStore) -> None:
    assert everything(store) == ([], [], {}, [], None, [], [])
    assert list(store.quizzes.references(1)) == []
    for get in (store.quizzes.get, store.quizzes.get_by_lesson):
        with pytest.raises(QuizNotFound):
            get("quiz-1")


def test_an_added_quiz_is_read_by_id_by_lesson_and_in_lists(store: QuizStore) -> None:
    quiz, other = a_quiz(updated_at=LATER), numbered_quiz(2, created_at=LATER)
    add(store, quiz, other)
    assert store.quizzes.get("quiz-1") == store.quizzes.get_by_lesson("lesson-1") == quiz
    assert store.quizzes.list(QuizFilter(lesson_id="lesson-1")) == [quiz]
    assert store.attempts.revisions(["revision-1"]) == revision_of(quiz)
    assert store.quizzes.find(["quiz-1"], []) == [quiz]
    assert store.quizzes.find([], ["lesson-2"]) == [other]
    assert store.quizzes.find(["quiz-1"], ["lesson-2"]) == [quiz, other]
    assert store.quizzes.find([], []) == []
    references = [[LessonReference("event-1", "lesson-1")], [LessonReference("event-1", "lesson-2")]]
    assert list(store.quizzes.references(1)) == references


def test_ids_of_questions_and_options_are_found_by_kind(store: QuizStore) -> None:
    add(store, a_quiz())
    ids = ["question-1", "option-1-1", "none"]
    assert (store.quizzes.taken_question_ids(ids), store.quizzes.taken_option_ids(ids)) == (
        {"question-1"},
        {"option-1-1"},
    )
    assert (store.quizzes.taken_question_ids([]), store.quizzes.taken_option_ids([])) == (set(), set())


def test_quizzes_of_several_lessons_are_shared_without_those_that_have_none(store: QuizStore) -> None:
    add(store, a_quiz(), numbered_quiz(2))
    with store.transaction():
        assert store.quizzes.share_all({"lesson-1", "lesson-2", "lesson-9"}) == {
            each.lesson_id: QuizReference("event-1", each.lesson_id, each.revision_id)
            for each in (a_quiz(), numbered_quiz(2))
        }


def test_several_attempts_are_added_all_or_none(store: QuizStore) -> None:
    add(store, a_quiz())
    attempts = [an_attempt(id=f"attempt-{number}") for number in (3, 2)]
    store.attempts.add_all(attempts)
    with pytest.raises(peewee.IntegrityError):
        store.attempts.add_all([an_attempt(id="attempt-4"), attempts[0]])
    assert store.attempts.list("quiz-1", ALL) == attempts


def test_reading_with_a_lock_reads_the_same(store: QuizStore) -> None:
    add(store, a_quiz())
    with store.transaction():
        assert store.quizzes.get("quiz-1", for_update=True) == a_quiz()
        assert store.quizzes.share("lesson-1") == QuizReference("event-1", "lesson-1", "revision-1")
        with pytest.raises(QuizNotFound):
            store.quizzes.get("quiz-2", for_update=True)
        with pytest.raises(QuizNotFound):
            store.quizzes.share("lesson-2")


@over_one_store
@given(quiz=quizzes())
@example(quiz=a_quiz(title="\t\n\r e\u0301 \u00e9 🎬 \u202e שלום \u2028 'q' \"q\" % ? :x \\ {} ;"))
def test_every_quiz_comes_back_equal_to_what_was_written(store: QuizStore, quiz: Quiz) -> None:
    with undone(store):
        store.quizzes.add(quiz)
        assert store.quizzes.get(quiz.id) == store.quizzes.get_by_lesson(quiz.lesson_id) == quiz
        assert store.quizzes.list(ANY) == [quiz]
        assert store.attempts.revisions([quiz.revision_id]) == revision_of(quiz)


def test_a_question_without_options_does_not_disappear(store: QuizStore) -> None:
    bare = replace(a_question(2), options=())
    quizzes_with_it = [a_quiz(questions=(a_question(1), bare)), numbered_quiz(2, questions=(replace(bare, id="q"),))]
    add(store, *quizzes_with_it)
    assert store.quizzes.list(ANY) == quizzes_with_it


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
        # The refusal leaves no row, and the transaction usable.
        store.quizzes.add(numbered_quiz(2))
    assert store.quizzes.list(ANY) == [a_quiz(), numbered_quiz(2)]
    assert store.attempts.revisions(["revision-2"]) == revision_of(numbered_quiz(2))
    with store.transaction():
        store.quizzes.remove("quiz-1", LATER)
        store.quizzes.add(numbered_quiz(3, lesson_id="lesson-1"))
    assert store.quizzes.get_by_lesson("lesson-1") == numbered_quiz(3, lesson_id="lesson-1")


REFUSED: dict[str, tuple[Callable[[QuizStore], object], type[Exception]]] = {
    "an id that is taken": (lambda store: add(store, numbered_quiz(2, id="quiz-1")), peewee.IntegrityError),
    "a revision id that is taken": (
        lambda store: add(store, numbered_quiz(2, revision_id="revision-1")),
        peewee.IntegrityError,
    ),
    "an unknown quiz is saved": (lambda store: store.quizzes.save(numbered_quiz(2)), QuizNotFound),
    "an unknown quiz is removed": (lambda store: store.quizzes.remove("quiz-2", LATER), QuizNotFound),
    "an attempt id that is taken": (lambda store: store.attempts.add(an_attempt()), peewee.IntegrityError),
    "an attempt without a revision": (
        lambda store: store.attempts.add(an_attempt(id="attempt-2", revision_id="no-revision")),
        peewee.IntegrityError,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_write_changes_nothing(store: QuizStore, name: str) -> None:
    write, error = REFUSED[name]
    add(store, a_quiz())
    store.attempts.add(an_attempt())
    before = everything(store)
    with pytest.raises(error), store.transaction():
        write(store)
    assert everything(store) == before


def test_save_replaces_the_quiz_and_all_its_questions(store: QuizStore) -> None:
    add(store, a_quiz(), numbered_quiz(2))
    changed = edited(a_quiz(), 1)
    with store.transaction():
        store.quizzes.save(changed)
    assert store.quizzes.list(ANY) == [changed, numbered_quiz(2)]


@over_one_store
@given(before=question_lists(), after=question_lists())
def test_after_saving_only_the_saved_questions_are_left(
    store: QuizStore, before: tuple[object, ...], after: tuple[object, ...]
) -> None:
    with undone(store):
        quiz = a_quiz(questions=before)
        store.quizzes.add(quiz)
        changed = a_quiz(questions=after, revision_id="revision-2", updated_at=LATER)
        store.quizzes.save(changed)
        assert store.quizzes.get("quiz-1") == changed
        assert store.attempts.revisions(["revision-1", "revision-2"]) == revision_of(quiz, changed)


FILTERS = [
    (QuizFilter(), [1, 2, 3]),
    (QuizFilter(event_id="event-1"), [1, 2]),
    (QuizFilter(lesson_id="lesson-2"), [2]),
    (QuizFilter("event-1", "lesson-2"), [2]),
    (QuizFilter("event-2", "lesson-2"), []),
    (QuizFilter(event_id="event-9"), []),
]


@pytest.mark.parametrize(("which", "matching"), FILTERS)
def test_a_filter_lists_and_removes_the_same_quizzes(store: QuizStore, which: QuizFilter, matching: list[int]) -> None:
    stored = [numbered_quiz(1), numbered_quiz(2), numbered_quiz(3, event_id="event-2")]
    add(store, *stored)
    assert store.quizzes.list(which) == [stored[number - 1] for number in matching]
    entries = entries_in(store.audit)
    with store.transaction():
        assert store.quizzes.remove_all(which, LATER) == len(matching)
        assert store.quizzes.remove_all(which, LATER) == 0
    left = [quiz for number, quiz in enumerate(stored, 1) if number not in matching]
    assert store.quizzes.list(ANY) == left
    assert store.attempts.revisions([quiz.revision_id for quiz in stored]) == revision_of(*left)
    deleted = [("quiz.deleted", f"quiz-{number}") for number in matching]
    assert sorted(entries_in(store.audit)[len(entries) :]) == deleted


def test_quizzes_are_listed_by_creation_and_then_by_id(store: QuizStore) -> None:
    first, tied, also_tied, last = (
        numbered_quiz(4, created_at=NOON - SECOND),
        numbered_quiz(2),
        numbered_quiz(3),
        numbered_quiz(1, created_at=LATER),
    )
    add(store, also_tied, last, first, tied)
    assert store.quizzes.list(ANY) == [first, tied, also_tied, last]
    # A page begins after its cursor even when that quiz is gone.
    with store.transaction():
        store.quizzes.remove("quiz-3", LATER)
    assert store.quizzes.list(ANY, PageRequest(1, quiz_key(also_tied))) == [last]


@over_one_store
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["Über uns", "über", "STRAẞE", "a%", "A_", "a"])), max_size=7
    ),
    q=st.sampled_from([None, "Über", "strasse", "%", "_", "A"]),
    sort=st.sampled_from(["", "createdAt", "-createdAt", "title", "-title"]),
    limit=st.integers(1, 8),
)
def test_pages_of_quizzes_have_each_that_matches_once(
    store: QuizStore, rows: list[tuple[int, str]], q: str | None, sort: str, limit: int
) -> None:
    stored = [
        numbered_quiz(number, created_at=NOON + second * SECOND, title=title)
        for number, (second, title) in enumerate(rows)
    ]
    with undone(store):
        for quiz in stored:
            store.quizzes.add(quiz)
        pages = turned_over(lambda request: store.quizzes.list(ANY, request, q), QUIZ_ORDERS, limit, sort)
        key, is_reversed = QUIZ_ORDERS.of(sort)
        matching = [each for each in stored if q is None or q.casefold() in each.title.casefold()]
        assert pages == sorted(matching, key=key, reverse=is_reversed)
        assert store.quizzes.list(ANY, PageRequest(sort=sort), q) == pages


# Attempts


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
        grade=rules.grade(quiz.revision, [right(question) for question in answered]),
    )
    with undone(store):
        store.quizzes.add(quiz)
        store.attempts.add(attempt)
        assert store.attempts.list(quiz.id, ALL) == [attempt]
        assert store.attempts.list(f"not {quiz.id}", ALL) == []


def test_attempts_are_listed_newest_first_and_then_by_id(store: QuizStore) -> None:
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


BOUNDS = st.none() | st.integers(0, 3).map(lambda after: NOON + after * SECOND)


@over_one_store
@given(
    rows=st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=7),
    which=st.builds(AttemptFilter, passed=st.none() | st.booleans(), since=BOUNDS, until=BOUNDS),
    sort=st.sampled_from(["", "submittedAt", "-submittedAt"]),
    limit=st.integers(1, 8),
)
def test_pages_of_attempts_have_each_that_matches_once_while_others_are_submitted(
    store: QuizStore, rows: list[tuple[int, bool]], which: AttemptFilter, sort: str, limit: int
) -> None:
    def attempt(number: int, second: int, passed: bool) -> Attempt:
        grade = replace(an_attempt().grade, score_percentage=70 if passed else 69, pass_percentage=70)
        return an_attempt(id=f"a-{number}", submitted_at=NOON + second * SECOND, grade=grade)

    stored = [attempt(number, *row) for number, row in enumerate(rows)]
    late = [attempt(number + 10, *row) for number, row in enumerate(rows)]
    with undone(store):
        store.quizzes.add(a_quiz())
        for each in stored:
            store.attempts.add(each)

        def fetch(request: PageRequest) -> Sequence[Attempt]:
            if late:
                store.attempts.add(late.pop())
            return store.attempts.list("quiz-1", request, which)

        found = turned_over(fetch, ATTEMPT_ORDERS, limit, sort)
        assert len({each.id for each in found}) == len(found)
        assert {each.id for each in found} >= {each.id for each in stored if matches(each, which)}
        everyone = store.attempts.list("quiz-1", PageRequest(sort=sort), which)
        key, is_reversed = ATTEMPT_ORDERS.of(sort)
        assert everyone == sorted((each for each in everyone if matches(each, which)), key=key, reverse=is_reversed)
        assert [each for each in everyone if each in found] == found


def matches(attempt: Attempt, which: AttemptFilter) -> bool:
    """Return whether the attempt matches."""
    return (
        which.passed in (None, attempt.grade.score_percentage == 70)
        and (which.since is None or attempt.submitted_at >= which.since)
        and (which.until is None or attempt.submitted_at < which.until)
    )


# Revisions


def test_revisions_are_read_by_id_without_the_unknown_ones(store: QuizStore) -> None:
    add(store, numbered_quiz(1), numbered_quiz(2))
    assert store.attempts.revisions([]) == {}
    assert store.attempts.revisions({"revision-2", "revision-9"}) == revision_of(numbered_quiz(2))
    assert store.attempts.revisions(iter(["revision-1", "revision-1"])) == revision_of(numbered_quiz(1))


def test_what_an_attempt_was_asked_never_changes(store: QuizStore) -> None:
    add(store, a_quiz(), numbered_quiz(2))
    store.attempts.add(an_attempt())
    edits: list[Callable[[], object]] = [
        lambda: store.quizzes.save(edited(a_quiz(), 1)),
        lambda: store.quizzes.save(edited(a_quiz(), 2)),
        lambda: store.quizzes.remove_all(QuizFilter(event_id="event-1"), LATER),
        lambda: store.quizzes.add(numbered_quiz(3, lesson_id="lesson-1")),
    ]
    for edit in edits:
        with store.transaction():
            edit()
        assert store.attempts.revisions(["revision-1"]) == revision_of(a_quiz())
        assert store.attempts.list("quiz-1", ALL) == [an_attempt()]
    # Without an attempt a revision goes with its quiz.
    assert store.attempts.revisions(["revision-2"]) == {}


def test_replaced_revisions_are_found_by_lesson_the_newest_first(store: QuizStore) -> None:
    first, second, remade = edited(a_quiz(), 1), edited(a_quiz(), 2), numbered_quiz(3, lesson_id="lesson-1")
    add(store, a_quiz(), numbered_quiz(2))
    with store.transaction():
        store.quizzes.save(first)
        store.quizzes.save(second)
        store.quizzes.save(edited(numbered_quiz(2), 1))
        store.quizzes.remove("quiz-1", LATER)
        store.quizzes.add(remade)
        store.quizzes.save(edited(remade, 61))
    assert store.quizzes.replaced("lesson-1") == [
        ReplacedRevision(remade.revision_id, NOON + 61 * SECOND),
        ReplacedRevision(second.revision_id, LATER),
        ReplacedRevision(first.revision_id, NOON + 2 * SECOND),
        ReplacedRevision("revision-1", NOON + SECOND),
    ]
    assert store.quizzes.replaced("lesson-2") == [ReplacedRevision("revision-2", NOON + SECOND)]
    assert store.quizzes.replaced("lesson-3") == []


def test_outdated_revisions_without_an_attempt_are_removed(store: QuizStore) -> None:
    add(store, a_quiz(), numbered_quiz(2))
    edits = [edited(a_quiz(), number) for number in (1, 2, 3)]
    store.attempts.add(an_attempt(revision_id="revision-1"))
    with store.transaction():
        for each in edits:
            store.quizzes.save(each)
        store.quizzes.save(edited(numbered_quiz(2), 1))
        # The second edit replaced the first one at that instant.
        store.quizzes.remove_replaced("lesson-1", NOON + 2 * SECOND)
    every_id = ["revision-1", "revision-2", *(each.revision_id for each in edits)]
    left = ["revision-1", "revision-2", edits[1].revision_id, edits[2].revision_id]
    assert sorted(store.attempts.revisions(every_id)) == sorted(left)
    assert [each.id for each in store.quizzes.replaced("lesson-1")] == [edits[1].revision_id, "revision-1"]
    # What content deletes goes at once, quizzes that were deleted before included.
    with store.transaction():
        store.quizzes.remove("quiz-1", LATER)
        assert store.quizzes.remove_all(QuizFilter(lesson_id="lesson-1"), LATER) == 0
    assert sorted(store.attempts.revisions(every_id)) == ["revision-1", "revision-2"]
    with store.transaction():
        assert store.quizzes.remove_all(QuizFilter(event_id="event-1"), LATER) == 1
    assert store.attempts.revisions(every_id) == revision_of(a_quiz())


# Following


def test_the_position_in_the_feed_is_stored_once(store: QuizStore) -> None:
    with store.transaction():
        assert store.following.position(for_update=True) is None
        store.following.move(FeedPosition("feed-1", 2**40), NOON)
    assert store.following.position() == store.following.position(for_update=True) == FeedPosition("feed-1", 2**40)
    store.following.move(FeedPosition("feed-2", 0), LATER)
    assert store.following.position() == FeedPosition("feed-2", 0)


def test_a_tombstone_refuses_quizzes_until_it_is_removed(store: QuizStore) -> None:
    event, lesson = ContentKey("event", "event-1"), ContentKey("lesson", "lesson-1")
    with store.transaction():
        store.following.require_alive("event-1", "lesson-1")
        store.following.add_tombstones([lesson, event, lesson], NOON)
        store.following.add_tombstones([event], LATER)
    assert list(store.following.tombstones(1)) == [[event], [lesson]]
    for gone, error in ((event, EventNotFound), (lesson, LessonNotFound)):
        with pytest.raises(error), store.transaction():
            store.following.require_alive("event-1", "lesson-1")
        store.following.remove_tombstones([gone])
    store.following.require_alive("event-1", "lesson-1")
    # The kinds have ids of their own.
    store.following.add_tombstones([ContentKey("event", "lesson-1"), ContentKey("lesson", "event-1")], NOON)
    store.following.require_alive("event-1", "lesson-1")


# Transactions


WRITES: dict[str, Callable[[QuizStore], object]] = {
    "add": lambda store: store.quizzes.add(numbered_quiz(2)),
    "save": lambda store: store.quizzes.save(edited(a_quiz(), 1)),
    "remove": lambda store: store.quizzes.remove("quiz-1", LATER),
    "remove replaced": lambda store: store.quizzes.remove_replaced("lesson-1", LATER),
    "remove_all": lambda store: store.quizzes.remove_all(ANY, LATER),
    "add an attempt": lambda store: store.attempts.add(an_attempt(id="attempt-2")),
    "add tombstones": lambda store: store.following.add_tombstones([ContentKey("event", "event-1")], NOON),
    "remove tombstones": lambda store: store.following.remove_tombstones([ContentKey("event", "event-9")]),
    "move": lambda store: store.following.move(FeedPosition("feed-1", 2), NOON),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_an_exception_in_a_transaction_undoes_every_write(
    store: QuizStore, write: Callable[[QuizStore], object]
) -> None:
    add(store, a_quiz(revision_id="replaced"))
    store.quizzes.save(a_quiz())
    store.attempts.add(an_attempt())
    store.following.position(for_update=True)
    store.following.move(FeedPosition("feed-1", 1), NOON)
    store.following.add_tombstones([ContentKey("event", "event-9")], NOON)
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


# A row that the database accepts beside a_quiz().
VALID: dict[type[peewee.Model], dict[str, object]] = {
    QuizRow: {
        **{"id": "quiz-2", "event_id": "event-1", "lesson_id": "lesson-2", "title": "Title", "pass_percentage": 70},
        **{"revision": "revision-1", "created_at": NOON, "updated_at": NOON},
    },
    AttemptRow: {
        **{"id": "attempt-1", "quiz_id": "quiz-1", "revision": "revision-1", "event_id": "event-1"},
        **{"lesson_id": "lesson-1", "answers": "[]", "answered_questions": 1, "correct_answers": 1},
        **{"score_percentage": 50, "pass_percentage": 70, "submitted_at": NOON},
    },
    RevisionRow: {
        **{"id": "revision-2", "quiz_id": "quiz-1", "title": "Title", "pass_percentage": 70},
        **{"questions": "[]", "created_at": NOON},
    },
    QuestionRow: {"id": "question-3", "quiz": "quiz-1", "prompt": "Prompt", "position": 3},
    OptionRow: {"id": "o", "question": "question-1", "text": "Text", "is_correct": True, "position": 3},
}
VIOLATIONS: list[tuple[type[peewee.Model], str, object]] = [
    (QuizRow, "pass_percentage", 101),
    (QuizRow, "pass_percentage", -1),
    (QuizRow, "revision", "revision-9"),
    (QuizRow, "lesson_id", "lesson-1"),
    (RevisionRow, "pass_percentage", 101),
    (QuestionRow, "position", 1),
    (QuestionRow, "position", 0),
    (QuestionRow, "quiz", "quiz-9"),
    (OptionRow, "position", 1),
    (OptionRow, "position", 0),
    (OptionRow, "question", "question-9"),
    (AttemptRow, "score_percentage", 101),
    (AttemptRow, "pass_percentage", 101),
    (AttemptRow, "correct_answers", 2),
    (AttemptRow, "correct_answers", -1),
    (AttemptRow, "revision", "revision-9"),
]


@pytest.mark.parametrize(("table", "column", "value"), VIOLATIONS)
def test_the_database_refuses_rows_that_violate_a_constraint(
    quiz_database: peewee.Database, table: type[peewee.Model], column: str, value: object
) -> None:
    store = PeeweeQuizStore(quiz_database)
    add(store, a_quiz())
    with pytest.raises(peewee.IntegrityError), store.transaction():
        table.insert({**VALID[table], column: value}).execute(quiz_database)
    # Nothing else is wrong with the row.
    table.insert(VALID[table]).execute(quiz_database)


def test_the_database_keeps_a_revision_that_is_referred_to(quiz_database: peewee.Database) -> None:
    store = PeeweeQuizStore(quiz_database)
    add(store, a_quiz())
    with pytest.raises(peewee.IntegrityError):
        RevisionRow.delete().execute(quiz_database)
    store.attempts.add(an_attempt())
    store.quizzes.remove("quiz-1", LATER)
    with pytest.raises(peewee.IntegrityError):
        RevisionRow.delete().execute(quiz_database)
    assert store.attempts.revisions(["revision-1"]) == revision_of(a_quiz())


def test_a_removed_quiz_leaves_no_rows(quiz_database: peewee.Database) -> None:
    store = PeeweeQuizStore(quiz_database)
    add(store, a_quiz())
    store.quizzes.remove_all(ANY, LATER)
    for table in (QuizRow, QuestionRow, OptionRow, RevisionRow):
        assert table.select().count(quiz_database) == 0
