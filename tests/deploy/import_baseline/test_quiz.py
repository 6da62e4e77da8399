"""A quiz is imported together with its questions and options, for a lesson that is moved, or not at all."""

from datetime import UTC, datetime
from typing import Any

import peewee
import pytest

from services.quiz.entities import Option, Question, Quiz, QuizFilter
from services.quiz.repository.store import PeeweeQuizStore
from tests.audit import ALL, EVERYTHING, entries_in
from tests.deploy.import_baseline.examples import Row, Rows, an_installation, old, old_quiz, together
from tests.deploy.import_baseline.importing import Import
from tests.matching import NEW_ID

MADE = datetime(2025, 11, 3, 9, 30, tzinfo=UTC)
LESSONS = {f"lesson-{number}": "event-1" for number in range(1, 5)}
PARENT = "the row that it belongs to is not moved"
PART = "a row that belongs to it cannot be moved"


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


# What is rejected

PERCENTAGE = "pass_percentage is not a whole number from 0 to 100"
ORDER = "display_order is not a whole number from 1 to 2147483647"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"lesson_id": "lesson-9"}, "lesson_id is of no row in lessons that is moved"),
        ({"lesson_id": None}, "lesson_id is missing"),
        ({"event_id": "event-2"}, "event_id is not that of its lesson"),
        ({"pass_percentage": 101}, PERCENTAGE),
        ({"pass_percentage": 70.5}, PERCENTAGE),
        ({"title": "a\0"}, "title contains a NUL character"),
        ({"updated_at": "later"}, "updated_at is not an instant such as 2026-03-01T12:00:00.000Z"),
    ],
)
def test_an_invalid_quiz_is_reported_with_all_its_parts(
    quiz_import: Import, store: PeeweeQuizStore, changes: dict[str, Any], rule: str
) -> None:
    outcome = quiz_import.run(with_changed("quizzes", "quiz-1", **changes), LESSONS)
    assert (outcome.done, outcome.findings, stored(store)) == (
        False,
        [
            f"quizzes: quiz-1: {rule}",
            f"quiz_questions: quiz-1-question-1: {PARENT}",
            *(f"quiz_options: quiz-1-question-1-option-{place}: {PARENT}" for place in (1, 2)),
            f"quiz_questions: quiz-1-question-2: {PARENT}",
            *(f"quiz_options: quiz-1-question-2-option-{place}: {PARENT}" for place in (1, 2)),
        ],
        [],
    )


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"display_order": 0}, ORDER),
        ({"display_order": "first"}, ORDER),
        ({"display_order": 1}, "display_order is that of an earlier question"),
        ({"prompt": None}, "prompt is missing"),
        ({"id": "quiz-1-question-1"}, "id is that of an earlier row"),
    ],
)
def test_an_invalid_question_stops_its_own_quiz_only(
    quiz_import: Import, store: PeeweeQuizStore, changes: dict[str, Any], rule: str
) -> None:
    rows = with_changed("quiz_questions", "quiz-1-question-2", **changes)
    if "id" in changes:
        rows = without(rows, "quiz_options", "quiz-1-question-2-option-1", "quiz-1-question-2-option-2")
    done, findings, numbers = quiz_import.run(rows, LESSONS, skip_invalid=True)
    question_id = changes.get("id", "quiz-1-question-2")
    assert findings[:2] == [f"quizzes: quiz-1: {PART}", f"quiz_questions: quiz-1-question-1: {PARENT}"]
    assert f"quiz_questions: {question_id}: {rule}" in findings
    assert (done, numbers["quizzes"], stored(store)) == (True, (2, 1, 0, 1), [quiz(2)])


def test_an_invalid_option_stops_its_question_and_quiz(quiz_import: Import, store: PeeweeQuizStore) -> None:
    rows = with_changed("quiz_options", "quiz-1-question-2-option-1", is_correct="maybe")
    assert quiz_import.run(rows, LESSONS, skip_invalid=True) == (
        True,
        [
            f"quizzes: quiz-1: {PART}",
            f"quiz_questions: quiz-1-question-1: {PARENT}",
            f"quiz_options: quiz-1-question-1-option-1: {PARENT}",
            f"quiz_options: quiz-1-question-1-option-2: {PARENT}",
            f"quiz_questions: quiz-1-question-2: {PART}",
            "quiz_options: quiz-1-question-2-option-1: is_correct is not 0 or 1",
            f"quiz_options: quiz-1-question-2-option-2: {PARENT}",
        ],
        {"quizzes": (2, 1, 0, 1), "quiz_questions": (3, 1, 0, 2), "quiz_options": (6, 2, 0, 4)},
    )
    assert stored(store) == [quiz(2)]


def test_a_question_needs_two_options_and_a_correct_one_and_a_quiz_a_question(quiz_import: Import) -> None:
    rows = together(
        with_changed("quiz_options", "quiz-1-question-1-option-2", is_correct=0),
        {"quizzes": [old("quizzes", "quiz-4", lesson_id="lesson-4")]},
    )
    findings = quiz_import.run(without(rows, "quiz_options", "quiz-2-question-1-option-1"), LESSONS).findings
    assert [line for line in findings if PART not in line and PARENT not in line] == [
        "quiz_questions: quiz-1-question-1: it has no right option",
        "quiz_questions: quiz-2-question-1: it has fewer than 2 options",
        "quizzes: quiz-4: it has no question",
    ]


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
            "quizzes: quiz-1: id is that of an earlier row",
            "quizzes: quiz-2: lesson_id is that of an earlier quiz",
            f"quiz_questions: quiz-2-question-1: {PARENT}",
            f"quiz_options: quiz-2-question-1-option-1: {PARENT}",
            f"quiz_options: quiz-2-question-1-option-2: {PARENT}",
            "quiz_questions: lost: quiz_id is of no row in quizzes",
            "quiz_options: of-a-lost-one: question_id is of a row in quiz_questions that is not moved",
            "quiz_questions: row 4: quiz_id is of no row in quizzes",
            "quiz_options: lost: question_id is of no row in quiz_questions",
        ],
        {"quizzes": (3, 1, 0, 2), "quiz_questions": (4, 1, 0, 3), "quiz_options": (6, 2, 0, 4)},
    )
    assert stored(store) == [quiz(1)]


def test_all_rows_of_a_quiz_that_is_too_large_are_reported(quiz_import: Import, store: PeeweeQuizStore) -> None:
    rows = together(old_quiz(1, questions=102), old_quiz(2))
    options = [old("quiz_options", f"more-{number}", question_id="quiz-2-question-1") for number in range(30)]
    done, findings, numbers = quiz_import.run(together(rows, {"quiz_options": options}), LESSONS, skip_invalid=True)
    assert [line for line in findings if line.startswith("quizzes")] == [
        "quizzes: quiz-1: it has more than 100 questions",
        f"quizzes: quiz-2: {PART}",
    ]
    assert "quiz_questions: quiz-1-question-102: quiz_id is that of 100 earlier questions" in findings
    assert "quiz_questions: quiz-2-question-1: it has more than 30 options" in findings
    assert "quiz_options: more-29: question_id is that of 30 earlier options" in findings
    assert (done, len(findings), len(set(findings))) == (True, 2 + 103 + 236, 2 + 103 + 236)
    assert numbers == {"quizzes": (2, 0, 0, 2), "quiz_questions": (103, 0, 0, 103), "quiz_options": (236, 0, 0, 236)}
    assert stored(store) == []


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
        "quizzes: quiz-1: id is taken by another row of this installation",
        "quizzes: quiz-2: lesson_id is that of another quiz of this installation",
        f"quizzes: quiz-3: {PART}",
        "quiz_questions: quiz-3-question-1: id is taken by a question of this installation",
        "quiz_options: quiz-3-question-1-option-1: id is taken by an option of this installation",
        "quiz_options: quiz-3-question-1-option-2: id is taken by an option of this installation",
    ]
    assert (done, numbers["quizzes"]) == (True, (4, 1, 0, 3))
    assert [each for each in stored(store) if each.id != "quiz-4"] == before
    assert store.quizzes.get("quiz-4") == quiz(4)
