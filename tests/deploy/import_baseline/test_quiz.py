"""services.quiz.baseline on both engines: quizzes move as a whole, of lessons that have moved, or not at all."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import peewee
import pytest

from services.kit.web.pages import PageRequest
from services.quiz.baseline import IMPORTER
from services.quiz.entities import Answer, Option, Question, Quiz
from services.quiz.repository.contracts import QuizFilter
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.service import QuizService
from tests.baseline_file import Rows, an_installation, old, old_quiz, together
from tests.matching import NEW_ID
from tests.moving import Import
from tests.quiz.examples import a_quiz

MADE = datetime(2025, 11, 3, 9, 30, tzinfo=UTC)
LESSONS = {f"lesson-{number}": "event-1" for number in range(1, 5)}
INSTALLED_LESSONS = {"lesson-1": "event-1", "lesson-2": "event-1", "lesson-3": "event-2"}


@pytest.fixture
def moved(quiz_database: peewee.Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Import:
    """Imports into an empty database."""
    return Import(IMPORTER, quiz_database, tmp_path, capsys)


@pytest.fixture
def store(quiz_database: peewee.Database) -> PeeweeQuizStore:
    """What is there after them."""
    return PeeweeQuizStore(quiz_database)


def quizzes(store: PeeweeQuizStore) -> list[Quiz]:
    """All of them."""
    return list(store.quizzes.list(QuizFilter()))


def question(quiz: str, order: int) -> Question:
    """As `old_quiz` makes it."""
    name = f"{quiz}-question-{order}"
    options = tuple(Option(f"{name}-option-{place}", f"Option {place}", place == 2) for place in (1, 2))
    return Question(name, "What comes first?", order, options)


def quiz(number: int, questions: int = 1, event_id: str = "event-1") -> Quiz:
    """As `old_quiz` makes it."""
    name = f"quiz-{number}"
    asked = tuple(question(name, order) for order in range(1, questions + 1))
    return Quiz(name, event_id, f"lesson-{number}", "Did you listen?", 70, NEW_ID, MADE, MADE, 1, asked)


def with_changed(table: str, row_id: str, **changes: Any) -> dict[str, list[Any]]:
    """Quiz 1 of two questions and quiz 2 of one, with one row changed."""
    rows = together(old_quiz(1, questions=2), old_quiz(2))
    rows[table] = [{**row, **changes} if row["id"] == row_id else row for row in rows[table]]
    return rows


def without(rows: Rows, table: str, *ids: str) -> dict[str, list[Any]]:
    """The rows but for those."""
    return {name: [row for row in some if name != table or row["id"] not in ids] for name, some in rows.items()}


# What moves


def test_quizzes_move_whole_and_can_be_taken(moved: Import, store: PeeweeQuizStore) -> None:
    done = moved.run(an_installation(), INSTALLED_LESSONS)
    numbers = {"quizzes": (2, 2, 0, 0), "quiz_questions": (3, 3, 0, 0), "quiz_options": (6, 6, 0, 0)}
    assert (done, quizzes(store)) == ((True, [], numbers), [quiz(1, questions=2), quiz(3, event_id="event-2")])

    service = QuizService(store, lambda event_id, lesson_id: None)
    submission = service.submit("lesson-1", [Answer("quiz-1-question-1", "quiz-1-question-1-option-2")])
    [attempt] = service.list_attempts("quiz-1", PageRequest()).page.items
    assert (attempt, attempt.grade.score_percentage) == (submission.attempt, 50)


def test_a_second_import_finds_them_there_and_changes_nothing(moved: Import, store: PeeweeQuizStore) -> None:
    moved.run(an_installation(), INSTALLED_LESSONS)
    before = quizzes(store)
    done = moved.run(an_installation(), INSTALLED_LESSONS)
    assert done == (
        True,
        [],
        {"quizzes": (2, 0, 2, 0), "quiz_questions": (3, 0, 3, 0), "quiz_options": (6, 0, 6, 0)},
    )
    assert [each.revision_id for each in quizzes(store)] == [each.revision_id for each in before]


def test_questions_come_in_their_order_and_options_in_that_of_their_insertion(
    moved: Import, store: PeeweeQuizStore
) -> None:
    rows = {
        "quizzes": [old("quizzes", "quiz-1")],
        "quiz_questions": [old("quiz_questions", "b", display_order=9), old("quiz_questions", "a", display_order=2)],
        "quiz_options": [
            old("quiz_options", "z", question_id="a", is_correct=1),
            old("quiz_options", "y", question_id="b", is_correct=1),
            old("quiz_options", "x", question_id="a", is_correct=1),
            old("quiz_options", "w", question_id="b"),
        ],
    }
    assert moved.run(rows, LESSONS)[1] == []
    [kept] = quizzes(store)
    assert [(each.id, each.order, [option.id for option in each.options]) for each in kept.questions] == [
        ("a", 2, ["z", "x"]),
        ("b", 9, ["y", "w"]),
    ]


def test_the_largest_quiz_there_may_be_moves(moved: Import, store: PeeweeQuizStore) -> None:
    rows = old_quiz(1, questions=100)
    more = [
        old("quiz_options", f"{each['id']}-{number}", question_id=each["id"])
        for each in rows["quiz_questions"]
        for number in range(28)
    ]
    assert moved.run(together(rows, {"quiz_options": more}), LESSONS)[2]["quiz_options"] == (3000, 3000, 0, 0)
    [kept] = quizzes(store)
    assert (len(kept.questions), {len(each.options) for each in kept.questions}) == (100, {30})


# What is refused

ALL_OF_IT = [
    "quizzes: quiz-1: {own}",
    "quiz_questions: quiz-1-question-1: what it belongs to is not moved",
    "quiz_options: quiz-1-question-1-option-1: what it belongs to is not moved",
    "quiz_options: quiz-1-question-1-option-2: what it belongs to is not moved",
    "quiz_questions: quiz-1-question-2: what it belongs to is not moved",
    "quiz_options: quiz-1-question-2-option-1: what it belongs to is not moved",
    "quiz_options: quiz-1-question-2-option-2: what it belongs to is not moved",
]
PART = "a row that belongs to it cannot be moved"
WHOLE = "what it belongs to is not moved"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"lesson_id": "lesson-9"}, "lesson_id is of no row in lessons that is moved"),
        ({"lesson_id": None}, "lesson_id is missing"),
        ({"event_id": "event-2"}, "event_id is not that of its lesson"),
        ({"pass_percentage": 101}, "pass_percentage is not a whole number from 0 to 100"),
        ({"pass_percentage": 70.5}, "pass_percentage is not a whole number from 0 to 100"),
        ({"title": "a\0"}, "title contains a NUL character"),
        ({"updated_at": "later"}, "updated_at is not an instant such as 2026-03-01T12:00:00.000Z"),
    ],
)
def test_a_quiz_that_breaks_a_rule_is_listed_with_all_that_belongs_to_it(
    moved: Import, store: PeeweeQuizStore, changes: dict[str, Any], rule: str
) -> None:
    findings = moved.findings(with_changed("quizzes", "quiz-1", **changes), LESSONS)
    assert (findings, quizzes(store)) == ([line.format(own=rule) for line in ALL_OF_IT], [])


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"display_order": 0}, "display_order is not a whole number from 1 to 2147483647"),
        ({"display_order": "first"}, "display_order is not a whole number from 1 to 2147483647"),
        ({"display_order": 1}, "display_order is that of an earlier question"),
        ({"prompt": None}, "prompt is missing"),
        ({"id": "quiz-1-question-1"}, "id is that of an earlier row"),
    ],
)
def test_a_question_that_breaks_a_rule_keeps_its_quiz_and_no_other_from_moving(
    moved: Import, store: PeeweeQuizStore, changes: dict[str, Any], rule: str
) -> None:
    rows = without(
        with_changed("quiz_questions", "quiz-1-question-2", **changes),
        "quiz_options",
        *("quiz-1-question-2-option-1", "quiz-1-question-2-option-2") if "id" in changes else (),
    )
    done, findings, numbers = moved.run(rows, LESSONS, skip_invalid=True)
    name = changes.get("id", "quiz-1-question-2")
    assert findings[:2] == [f"quizzes: quiz-1: {PART}", f"quiz_questions: quiz-1-question-1: {WHOLE}"]
    assert f"quiz_questions: {name}: {rule}" in findings
    assert (done, numbers["quizzes"], quizzes(store)) == (True, (2, 1, 0, 1), [quiz(2)])


def test_a_broken_option_keeps_its_question_and_quiz_from_moving(moved: Import, store: PeeweeQuizStore) -> None:
    rows = with_changed("quiz_options", "quiz-1-question-2-option-1", is_correct="maybe")
    done, findings, numbers = moved.run(rows, LESSONS, skip_invalid=True)
    assert findings == [
        f"quizzes: quiz-1: {PART}",
        f"quiz_questions: quiz-1-question-1: {WHOLE}",
        f"quiz_options: quiz-1-question-1-option-1: {WHOLE}",
        f"quiz_options: quiz-1-question-1-option-2: {WHOLE}",
        f"quiz_questions: quiz-1-question-2: {PART}",
        "quiz_options: quiz-1-question-2-option-1: is_correct is not 0 or 1",
        f"quiz_options: quiz-1-question-2-option-2: {WHOLE}",
    ]
    assert numbers == {"quizzes": (2, 1, 0, 1), "quiz_questions": (3, 1, 0, 2), "quiz_options": (6, 2, 0, 4)}
    assert (done, quizzes(store)) == (True, [quiz(2)])


def test_questions_need_two_options_and_a_right_one_and_quizzes_need_questions(moved: Import) -> None:
    rows = together(
        with_changed("quiz_options", "quiz-1-question-1-option-2", is_correct=0),
        {"quizzes": [old("quizzes", "quiz-4", lesson_id="lesson-4")]},
    )
    findings = moved.findings(without(rows, "quiz_options", "quiz-2-question-1-option-1"), LESSONS)
    assert [line for line in findings if PART not in line and WHOLE not in line] == [
        "quiz_questions: quiz-1-question-1: it has no right option",
        "quiz_questions: quiz-2-question-1: it has fewer than 2 options",
        "quizzes: quiz-4: it has no question",
    ]


def test_dangling_questions_and_options_and_a_second_quiz_of_a_lesson_are_listed(
    moved: Import, store: PeeweeQuizStore
) -> None:
    rows = together(
        old_quiz(1),
        old_quiz(2, lesson_id="lesson-1"),
        {
            "quizzes": [old("quizzes", "quiz-1", lesson_id="lesson-3")],
            "quiz_questions": [
                old("quiz_questions", "lost", quiz_id="quiz-9"),
                old("quiz_questions", None, quiz_id=None),
            ],
            "quiz_options": [
                old("quiz_options", "of-a-lost-one", question_id="lost"),
                old("quiz_options", "lost", question_id="question-9"),
            ],
        },
    )
    done, findings, numbers = moved.run(rows, LESSONS, skip_invalid=True)
    assert findings == [
        "quizzes: quiz-1: id is that of an earlier row",
        "quizzes: quiz-2: lesson_id is that of an earlier quiz",
        f"quiz_questions: quiz-2-question-1: {WHOLE}",
        f"quiz_options: quiz-2-question-1-option-1: {WHOLE}",
        f"quiz_options: quiz-2-question-1-option-2: {WHOLE}",
        "quiz_questions: lost: quiz_id is of no row in quizzes",
        "quiz_options: of-a-lost-one: question_id is of a row in quiz_questions that is not moved",
        "quiz_questions: row 4: quiz_id is of no row in quizzes",
        "quiz_options: lost: question_id is of no row in quiz_questions",
    ]
    assert numbers == {"quizzes": (3, 1, 0, 2), "quiz_questions": (4, 1, 0, 3), "quiz_options": (6, 2, 0, 4)}
    assert (done, quizzes(store)) == (True, [quiz(1)])


def test_a_quiz_too_large_for_memory_is_listed_whole_all_the_same(moved: Import, store: PeeweeQuizStore) -> None:
    rows = together(old_quiz(1, questions=102), old_quiz(2))
    options = [old("quiz_options", f"more-{number}", question_id="quiz-2-question-1") for number in range(30)]
    done, findings, numbers = moved.run(together(rows, {"quiz_options": options}), LESSONS, skip_invalid=True)
    assert [line for line in findings if line.startswith("quizzes")] == [
        "quizzes: quiz-1: it has more than 100 questions",
        f"quizzes: quiz-2: {PART}",
    ]
    assert "quiz_questions: quiz-1-question-102: quiz_id is that of 100 earlier questions" in findings
    assert "quiz_questions: quiz-2-question-1: it has more than 30 options" in findings
    assert "quiz_options: more-29: question_id is that of 30 earlier options" in findings
    assert (done, len(findings), len(set(findings))) == (True, 2 + 103 + 236, 2 + 103 + 236)
    assert numbers == {"quizzes": (2, 0, 0, 2), "quiz_questions": (103, 0, 0, 103), "quiz_options": (236, 0, 0, 236)}
    assert quizzes(store) == []


# What is there already


def test_what_others_have_here_is_refused_and_left_as_it_is(moved: Import, store: PeeweeQuizStore) -> None:
    ours = [
        a_quiz(id="quiz-1", lesson_id="other", questions=(question("ours", 1),), revision_id="r1"),
        a_quiz(id="ours-2", lesson_id="lesson-2", questions=(question("ours-2", 1),), revision_id="r2"),
        a_quiz(id="ours-3", lesson_id="other-3", questions=(question("quiz-3", 1),), revision_id="r3"),
    ]
    for each in ours:
        store.quizzes.add(each)
    before = quizzes(store)

    rows = together(*(old_quiz(number) for number in range(1, 5)))
    done, findings, numbers = moved.run(rows, LESSONS, skip_invalid=True)

    assert [line for line in findings if WHOLE not in line] == [
        "quizzes: quiz-1: id is taken by another row of this installation",
        "quizzes: quiz-2: lesson_id is that of another quiz of this installation",
        f"quizzes: quiz-3: {PART}",
        "quiz_questions: quiz-3-question-1: id is taken by a question of this installation",
        "quiz_options: quiz-3-question-1-option-1: id is taken by an option of this installation",
        "quiz_options: quiz-3-question-1-option-2: id is taken by an option of this installation",
    ]
    assert (done, numbers["quizzes"]) == (True, (4, 1, 0, 3))
    assert [each for each in quizzes(store) if each.id != "quiz-4"] == before
    assert store.quizzes.get("quiz-4") == quiz(4)
