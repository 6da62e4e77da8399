"""A quiz moves with its questions and options, for a lesson that is moved; what nobody can answer is left out."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import peewee
import pytest

from services.kit.maintenance.examination import examine
from services.quiz.entities import Option, Question, Quiz, QuizFilter
from services.quiz.integrity import Content, examination
from services.quiz.repository.store import PeeweeQuizStore
from tests.audit import ALL, EVERYTHING, entries_in
from tests.deploy.import_baseline.examples import Row, Rows, an_installation, old, old_quiz, together
from tests.deploy.import_baseline.importing import Import
from tests.matching import NEW_ID
from tests.violations import NoProgress, named

MADE = datetime(2025, 11, 3, 9, 30, tzinfo=UTC)
EXAMINATION = examination(cast(Content, None))
LESSONS = {f"lesson-{number}": "event-1" for number in range(1, 5)}
PARENT = "not moved: the row that it belongs to is not moved"
PART = "not moved: a row that belongs to it cannot be moved"


@pytest.fixture
def store(quiz_database: peewee.Database) -> PeeweeQuizStore:
    """Return the store that is imported into."""
    return PeeweeQuizStore(quiz_database)


def stored(store: PeeweeQuizStore) -> list[Quiz]:
    """Return all quizzes in the store."""
    return list(store.quizzes.list(QuizFilter()))


def question(quiz: str, order: int) -> Question:
    """Return the question that `old_quiz` becomes."""
    name = f"{quiz}-question-{order}"
    options = tuple(Option(f"{name}-option-{place}", f"Option {place}", place == 2) for place in (1, 2))
    return Question(name, "What comes first?", order, options)


def quiz(number: int, questions: int = 1, event_id: str = "event-1") -> Quiz:
    """Return the quiz that `old_quiz` becomes."""
    name = f"quiz-{number}"
    asked = tuple(question(name, order) for order in range(1, questions + 1))
    return Quiz(name, event_id, f"lesson-{number}", "Did you listen?", 70, NEW_ID, MADE, MADE, 1, asked)


def with_changed(table: str, row_id: str, **changes: Any) -> dict[str, list[Any]]:
    """Return quiz 1 of two questions and quiz 2 of one, with one row changed."""
    rows = together(old_quiz(1, questions=2), old_quiz(2))
    rows[table] = [{**row, **changes} if row["id"] == row_id else row for row in rows[table]]
    return rows


def without(rows: Rows, table: str, *ids: str) -> dict[str, list[Any]]:
    """Return the rows without those of these ids."""
    return {name: [row for row in some if name != table or row["id"] not in ids] for name, some in rows.items()}


# What is imported


def test_quizzes_are_imported_with_all_parts_and_only_once(quiz_import: Import, store: PeeweeQuizStore) -> None:
    lessons = {"lesson-1": "event-1", "lesson-2": "event-1", "lesson-3": "event-2"}
    new = {"quizzes": (2, 2, 0, 0), "quiz_questions": (3, 3, 0, 0), "quiz_options": (6, 6, 0, 0)}
    assert quiz_import.run(an_installation(), lessons) == (True, [], new)
    imported = stored(store)
    assert imported == [quiz(1, questions=2), quiz(3, event_id="event-2")]

    present = {"quizzes": (2, 0, 2, 0), "quiz_questions": (3, 0, 3, 0), "quiz_options": (6, 0, 6, 0)}
    assert quiz_import.run(an_installation(), lessons) == (True, [], present)
    assert [each.revision_id for each in stored(store)] == [each.revision_id for each in imported]
    assert entries_in(store.audit) == [("quiz.created", "quiz-1"), ("quiz.created", "quiz-3")]
    assert {each.actor_id for each in store.audit.list(EVERYTHING, ALL)} == {None}


def test_questions_are_sorted_and_options_keep_the_order_of_insertion(
    quiz_import: Import, store: PeeweeQuizStore
) -> None:
    rows = {
        "quizzes": [old("quizzes", "quiz-1")],
        "quiz_questions": [old("quiz_questions", "b", display_order=9), old("quiz_questions", "a", display_order=2)],
        "quiz_options": [old("quiz_options", "zyxw"[n], question_id="abab"[n], is_correct=n < 3) for n in range(4)],
    }
    assert quiz_import.run(rows, LESSONS).findings == []
    [kept] = stored(store)
    assert [(each.id, each.order, [option.id for option in each.options]) for each in kept.questions] == [
        ("a", 2, ["z", "x"]),
        ("b", 9, ["y", "w"]),
    ]


def test_the_largest_quiz_is_imported(quiz_import: Import, store: PeeweeQuizStore) -> None:
    rows = old_quiz(1, questions=100)
    ids = [row["id"] for row in rows["quiz_questions"]]
    more = [old("quiz_options", f"{each}-{number}", question_id=each) for each in ids for number in range(28)]
    outcome = quiz_import.run(together(rows, {"quiz_options": more}), LESSONS)
    assert outcome.numbers["quiz_options"] == (3000, 3000, 0, 0)
    [kept] = stored(store)
    assert (len(kept.questions), {len(each.options) for each in kept.questions}) == (100, {30})


# Rows that the old API let through and ours refuses


@pytest.mark.parametrize(
    ("changes", "expected", "lines"),
    [
        ({"event_id": "event-2"}, {}, ["event_id 'event-2' became 'event-1'"]),
        ({"pass_percentage": 101}, {"pass_percentage": 100}, ["pass_percentage 101 became 100"]),
        ({"pass_percentage": 70.5}, {"pass_percentage": 71}, ["pass_percentage 70.5 became 71"]),
        ({"pass_percentage": "most"}, {}, ["pass_percentage 'most' became 70"]),
        ({"title": "a\0"}, {"title": "a"}, ["title 'a\\x00' became 'a'"]),
        ({"updated_at": "later"}, {}, ["updated_at 'later' became '2025-11-03T09:30:00.000Z'"]),
        ({"title": "t" * 500}, {"title": "t" * 500}, []),
    ],
)
def test_a_quiz_that_the_old_api_let_through_moves_with_the_smallest_change(
    quiz_import: Import,
    quiz_database: peewee.Database,
    store: PeeweeQuizStore,
    changes: dict[str, Any],
    expected: dict[str, Any],
    lines: list[str],
) -> None:
    outcome = quiz_import.run(with_changed("quizzes", "quiz-1", **changes), LESSONS)
    assert outcome[:2] == (True, [f"quizzes: quiz-1: changed: {line}" for line in lines])
    assert stored(store) == [replace(quiz(1, questions=2), **expected), quiz(2)]
    assert named([*examine(quiz_database, EXAMINATION, NoProgress(), alone=True)]) == []


@pytest.mark.parametrize(
    ("orders", "expected", "changed"),
    [
        (
            [1, 1, 2],
            {"q0": 1, "q1": 2, "q2": 3},
            ["q1: changed: display_order 1 became 2", "q2: changed: display_order 2 became 3"],
        ),
        ([5, 5, 9], {"q0": 5, "q1": 6, "q2": 9}, ["q1: changed: display_order 5 became 6"]),
        ([0, 2, -1], {"q2": 1, "q0": 2, "q1": 3}, None),
        (["last", 3, None], {"q1": 1, "q0": 2, "q2": 3}, None),
        ([1_000_000, 1_000_000, 4], {"q2": 1, "q0": 2, "q1": 3}, None),
        ([9, 7, 1_000_000], {"q1": 7, "q0": 9, "q2": 1_000_000}, []),
    ],
)
def test_repeated_question_orders_become_the_next_and_the_questions_stay_in_order(
    quiz_import: Import, store: PeeweeQuizStore, orders: list[Any], expected: dict[str, int], changed: list[str] | None
) -> None:
    names = [f"q{place}" for place in range(3)]
    rows = {
        "quizzes": [old("quizzes", "quiz-1")],
        "quiz_questions": [
            old("quiz_questions", name, display_order=order) for name, order in zip(names, orders, strict=True)
        ],
        "quiz_options": [
            old("quiz_options", f"{name}-{place}", question_id=name, is_correct=place)
            for name in names
            for place in (0, 1)
        ],
    }
    done, findings, numbers = quiz_import.run(rows, LESSONS)
    assert (done, numbers["quiz_questions"]) == (True, (3, 3, 0, 0))
    [kept] = stored(store)
    assert [(each.id, each.order) for each in kept.questions] == list(expected.items())
    assert changed is None or findings == [f"quiz_questions: {line}" for line in changed]
    assert quiz_import.run(rows, LESSONS)[:2] == (True, [])


def test_a_text_or_flag_that_is_none_is_changed(quiz_import: Import, store: PeeweeQuizStore) -> None:
    rows = with_changed("quiz_options", "quiz-1-question-2-option-1", is_correct="maybe", text=None)
    rows["quiz_questions"][0] = {**rows["quiz_questions"][0], "prompt": None}
    assert quiz_import.run(rows, LESSONS)[:2] == (
        True,
        [
            "quiz_questions: quiz-1-question-1: changed: prompt null became ''",
            "quiz_options: quiz-1-question-2-option-1: changed: text null became ''",
            "quiz_options: quiz-1-question-2-option-1: changed: is_correct 'maybe' became 0",
        ],
    )
    assert [each.prompt for each in stored(store)[0].questions] == ["", "What comes first?"]


# What cannot be moved


@pytest.mark.parametrize(
    ("lesson_id", "rule"),
    [("lesson-9", "lesson_id is of no row in lessons that is moved"), (None, "lesson_id is missing")],
)
def test_a_quiz_without_its_lesson_is_reported_with_all_its_parts(
    quiz_import: Import, store: PeeweeQuizStore, lesson_id: str | None, rule: str
) -> None:
    outcome = quiz_import.run(with_changed("quizzes", "quiz-1", lesson_id=lesson_id), LESSONS)
    assert (outcome.done, outcome.findings, stored(store)) == (
        False,
        [
            f"quizzes: quiz-1: not moved: {rule}",
            f"quiz_questions: quiz-1-question-1: {PARENT}",
            *(f"quiz_options: quiz-1-question-1-option-{place}: {PARENT}" for place in (1, 2)),
            f"quiz_questions: quiz-1-question-2: {PARENT}",
            *(f"quiz_options: quiz-1-question-2-option-{place}: {PARENT}" for place in (1, 2)),
        ],
        [],
    )


def test_a_question_that_nobody_can_answer_is_left_out_of_its_quiz(quiz_import: Import, store: PeeweeQuizStore) -> None:
    rows = together(with_changed("quiz_options", "quiz-1-question-2-option-2", is_correct=0), old_quiz(3))
    rows = without(rows, "quiz_options", "quiz-3-question-1-option-1")
    rows["quiz_questions"].append(old("quiz_questions", "quiz-1-question-1", quiz_id="quiz-2", display_order=2))
    expected = [
        "quiz_questions: quiz-1-question-2: not moved: it has no right option",
        *(f"quiz_options: quiz-1-question-2-option-{place}: {PARENT}" for place in (1, 2)),
        "quiz_questions: quiz-1-question-1: not moved: id is that of an earlier row",
        "quiz_questions: quiz-3-question-1: not moved: it has fewer than 2 options",
        f"quiz_options: quiz-3-question-1-option-2: {PARENT}",
        "quizzes: quiz-3: not moved: it has no question that can be answered",
    ]
    assert quiz_import.run(rows, LESSONS)[:2] == (False, expected)
    done, findings, numbers = quiz_import.run(rows, LESSONS, skip_invalid=True)
    assert (done, findings, numbers) == (
        True,
        expected,
        {"quizzes": (3, 2, 0, 1), "quiz_questions": (5, 2, 0, 3), "quiz_options": (7, 4, 0, 3)},
    )
    assert stored(store) == [quiz(1), quiz(2)]


def test_parts_without_a_parent_and_a_second_quiz_of_a_lesson_are_reported(
    quiz_import: Import, store: PeeweeQuizStore
) -> None:
    lost: dict[str, list[Row]] = {
        "quizzes": [old("quizzes", "quiz-1", lesson_id="lesson-3")],
        "quiz_questions": [old("quiz_questions", "lost", quiz_id="quiz-9"), old("quiz_questions", None, quiz_id=None)],
        "quiz_options": [
            old("quiz_options", "of-a-lost-one", question_id="lost"),
            old("quiz_options", "lost", question_id="question-9"),
        ],
    }
    rows = together(old_quiz(1), old_quiz(2, lesson_id="lesson-1"), lost)
    assert quiz_import.run(rows, LESSONS, skip_invalid=True) == (
        True,
        [
            "quizzes: quiz-1: not moved: id is that of an earlier row",
            "quizzes: quiz-2: not moved: lesson_id is that of an earlier quiz",
            f"quiz_questions: quiz-2-question-1: {PARENT}",
            f"quiz_options: quiz-2-question-1-option-1: {PARENT}",
            f"quiz_options: quiz-2-question-1-option-2: {PARENT}",
            "quiz_questions: lost: not moved: quiz_id is of no row in quizzes",
            "quiz_options: of-a-lost-one: not moved: question_id is of a row in quiz_questions that is not moved",
            "quiz_questions: row 4: not moved: quiz_id is of no row in quizzes",
            "quiz_options: lost: not moved: question_id is of no row in quiz_questions",
        ],
        {"quizzes": (3, 1, 0, 2), "quiz_questions": (4, 1, 0, 3), "quiz_options": (6, 2, 0, 4)},
    )
    assert stored(store) == [quiz(1)]


def test_what_is_too_much_of_a_quiz_is_left_out(quiz_import: Import, store: PeeweeQuizStore) -> None:
    rows = together(old_quiz(1, questions=102), old_quiz(2))
    options = [old("quiz_options", f"more-{number}", question_id="quiz-2-question-1") for number in range(30)]
    _, findings, numbers = quiz_import.run(together(rows, {"quiz_options": options}), LESSONS, skip_invalid=True)
    left_out = [f"quiz-1-question-{number}" for number in (101, 102)]
    assert findings == [
        *(
            line
            for each in left_out
            for line in (
                f"quiz_questions: {each}: not moved: quiz_id is that of 100 earlier questions",
                *(
                    f"quiz_options: {each}-option-{place}: "
                    "not moved: question_id is of a row in quiz_questions that is not moved"
                    for place in (1, 2)
                ),
            )
        ),
        *(f"quiz_options: more-{n}: not moved: question_id is that of 30 earlier options" for n in (28, 29)),
    ]
    assert numbers == {"quizzes": (2, 2, 0, 0), "quiz_questions": (103, 101, 0, 2), "quiz_options": (236, 230, 0, 6)}
    assert [len(each.questions) for each in stored(store)] == [100, 1]


def test_ids_and_lessons_that_are_taken_are_rejected(quiz_import: Import, store: PeeweeQuizStore) -> None:
    for quiz_id, lesson_id, question_of in (
        ("quiz-1", "other", "ours"),
        ("ours-2", "lesson-2", "ours-2"),
        ("ours-3", "other-3", "quiz-3"),
    ):
        asked = (question(question_of, 1),)
        store.quizzes.add(Quiz(quiz_id, "event-1", lesson_id, "Ours", 70, f"r-{quiz_id}", MADE, MADE, 1, asked))
    before = stored(store)
    rows = together(*(old_quiz(number) for number in range(1, 5)))
    done, findings, numbers = quiz_import.run(rows, LESSONS, skip_invalid=True)
    assert [line for line in findings if PARENT not in line] == [
        "quizzes: quiz-1: not moved: id is taken by another row of this installation",
        "quizzes: quiz-2: not moved: lesson_id is that of another quiz of this installation",
        f"quizzes: quiz-3: {PART}",
        "quiz_questions: quiz-3-question-1: not moved: id is taken by a question of this installation",
        "quiz_options: quiz-3-question-1-option-1: not moved: id is taken by an option of this installation",
        "quiz_options: quiz-3-question-1-option-2: not moved: id is taken by an option of this installation",
    ]
    assert (done, numbers["quizzes"]) == (True, (4, 1, 0, 3))
    assert [each for each in stored(store) if each.id != "quiz-4"] == before
    assert store.quizzes.get("quiz-4") == quiz(4)
