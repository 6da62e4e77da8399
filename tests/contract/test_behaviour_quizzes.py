"""docs/contract/BEHAVIOUR.md, "Quizzes"."""

from typing import Any

import httpx
import pytest

from tests.contract.samples import (
    UNKNOWN,
    Json,
    chosen,
    new_event,
    new_lesson,
    new_quiz,
    parsed,
    public_address,
    question,
    questions,
)
from tests.refusals import refusal


class Classroom:
    """A lesson with a quiz, and a learner in front of it."""

    def __init__(self, admin: httpx.Client, learner: httpx.Client, **fields: Any):
        self._learner = learner
        self.event = new_event(admin)
        self.lesson = new_lesson(admin, self.event)
        self.quiz = new_quiz(admin, self.lesson, **fields)

    def submit(self, answers: list[Json]) -> tuple[int, Any]:
        """Submit the answers and return the response."""
        address = public_address(self.event, self.lesson["slug"], "quiz/submit")
        return parsed(self._learner.post(address, json={"answers": answers}))

    def graded(self, submitted: tuple[int, Any], **result: Any) -> tuple[int, Any]:
        """Return the response with this result."""
        return 200, {
            "lesson": {key: self.lesson[key] for key in ("id", "slug", "title")},
            "quiz": {key: self.quiz[key] for key in ("id", "title")},
            "result": {"quizId": self.quiz["id"], **result, "submittedAt": submitted[1]["result"]["submittedAt"]},
        }

    def option(self, place: int, option: int) -> str:
        """Return an option's id."""
        return str(self.quiz["questions"][place]["options"][option]["id"])

    def question(self, place: int) -> str:
        """Return a question's id."""
        return str(self.quiz["questions"][place]["id"])


def test_a_lesson_cannot_have_a_second_quiz(admin: httpx.Client) -> None:
    """One quiz per lesson."""
    lesson = new_lesson(admin, new_event(admin))
    quiz = new_quiz(admin, lesson)
    body = {"eventId": lesson["eventId"], "lessonId": lesson["id"], "title": "Another", "questions": questions()}
    conflict = refusal(409, "QUIZ_LESSON_CONFLICT", "The lesson already has a quiz")
    assert parsed(admin.post("/api/quizzes", json=body)) == conflict
    assert parsed(admin.get(f"/api/quizzes?lessonId={lesson['id']}")) == (200, {"items": [quiz]})


def test_a_question_without_a_right_option_is_refused(admin: httpx.Client) -> None:
    """Every question needs at least one right option (400 QUIZ_MISSING_CORRECT_OPTION)."""
    lesson = new_lesson(admin, new_event(admin))
    new_questions = [*questions(1), question("Which one?", ("this", False), ("that", False))]
    body = {"eventId": lesson["eventId"], "lessonId": lesson["id"], "title": "A quiz", "questions": new_questions}
    missing = refusal(400, "QUIZ_MISSING_CORRECT_OPTION", "Question 2 needs at least one right option")
    assert parsed(admin.post("/api/quizzes", json=body)) == missing
    assert parsed(admin.get(f"/api/quizzes?lessonId={lesson['id']}")) == (200, {"items": []})
    quiz = new_quiz(admin, lesson)
    assert (
        parsed(admin.put(f"/api/quizzes/{quiz['id']}", json={"title": "Mine", "questions": new_questions})) == missing
    )
    assert parsed(admin.get(f"/api/quizzes/{quiz['id']}")) == (200, {"item": quiz})


def test_a_quiz_is_passed_with_seventy_percent_by_default(admin: httpx.Client) -> None:
    """Default passPercentage 70."""
    lesson = new_lesson(admin, new_event(admin))
    quiz = new_quiz(admin, lesson, questions=[question("  Which? ", (" this ", True), ("that", False))])
    only = quiz["questions"][0]
    assert quiz == {
        "id": quiz["id"],
        "eventId": lesson["eventId"],
        "lessonId": lesson["id"],
        "title": "A quiz",
        "passPercentage": 70,
        "createdAt": quiz["createdAt"],
        "updatedAt": quiz["createdAt"],
        "questions": [
            {
                "id": only["id"],
                "prompt": "Which?",
                "order": 1,
                "options": [
                    {"id": only["options"][0]["id"], "text": "this", "isCorrect": True},
                    {"id": only["options"][1]["id"], "text": "that", "isCorrect": False},
                ],
            }
        ],
    }


def test_an_update_puts_other_questions_in_place_of_all(admin: httpx.Client) -> None:
    """An update replaces the questions."""
    quiz = new_quiz(admin, new_lesson(admin, new_event(admin)), passPercentage=40)
    update = {"title": "Renamed", "questions": [question("The only one?", ("yes", True), ("no", False))]}
    status, body = parsed(admin.put(f"/api/quizzes/{quiz['id']}", json=update))
    (changed,) = body["item"]["questions"]
    assert (status, body["item"]) == (
        200,
        {
            **quiz,
            "title": "Renamed",
            "updatedAt": body["item"]["updatedAt"],
            "questions": [
                {
                    "id": changed["id"],
                    "prompt": "The only one?",
                    "order": 1,
                    "options": [
                        {"id": changed["options"][0]["id"], "text": "yes", "isCorrect": True},
                        {"id": changed["options"][1]["id"], "text": "no", "isCorrect": False},
                    ],
                }
            ],
        },
    )
    assert parsed(admin.get(f"/api/quizzes/{quiz['id']}")) == (200, body)
    assert changed["id"] not in [question["id"] for question in quiz["questions"]]


def test_a_learner_sees_the_quiz_without_any_trace_of_what_is_right(admin: httpx.Client, learner: httpx.Client) -> None:
    """One quiz per lesson."""
    room = Classroom(admin, learner)
    status, body = parsed(learner.post(public_address(room.event, room.lesson["slug"], "quiz")))
    bare = [
        {**question, "options": [{"id": option["id"], "text": option["text"]} for option in question["options"]]}
        for question in room.quiz["questions"]
    ]
    assert (status, body) == (200, {"item": {**room.quiz, "questions": bare}})


def test_an_attempt_that_does_not_fit_the_quiz_is_refused(admin: httpx.Client, learner: httpx.Client) -> None:
    """Submit: a question answered twice, or an option that is not the question's, is 400 QUIZ_INVALID_ATTEMPT; an
    answer to a question that is not the quiz's is QUIZ_INVALID_ATTEMPT too (tightened)."""
    room, other = Classroom(admin, learner), Classroom(admin, learner)
    first, right = room.question(0), room.option(0, 1)
    twice = [{"questionId": first, "optionId": right}] * 2
    not_its_option = [{"questionId": first, "optionId": room.option(1, 1)}]
    no_option = [{"questionId": first, "optionId": ""}]
    anothers = [{"questionId": other.question(0), "optionId": other.option(0, 1)}]
    no_question = [{"questionId": UNKNOWN, "optionId": right}]
    code = "QUIZ_INVALID_ATTEMPT"
    assert room.submit(twice) == refusal(400, code, "Question 1 is answered more than once")
    for answers in (not_its_option, no_option):
        assert room.submit(answers) == refusal(400, code, "The answer to question 1 is not one of its options")
    for answers in (anothers, no_question):
        assert room.submit(answers) == refusal(400, code, "An answer is for a question that is not of this quiz")
    assert parsed(admin.get(f"/api/quizzes/{room.quiz['id']}/attempts")) == (200, {"items": [], "nextCursor": None})


def test_what_is_not_answered_counts_as_wrong(admin: httpx.Client, learner: httpx.Client) -> None:
    """Unanswered questions count as wrong."""
    room = Classroom(admin, learner, questions=questions(3))
    submitted = room.submit(chosen(room.quiz, None, True, None))
    assert submitted == room.graded(
        submitted,
        totalQuestions=3,
        answeredQuestions=1,
        correctAnswers=1,
        scorePercentage=33,
        passPercentage=70,
        status="failed",
        passed=False,
        answers=[
            {
                "questionId": room.question(place),
                "submittedOptionId": room.option(1, 1) if place == 1 else None,
                "correctOptionId": room.option(place, 1),
                "isCorrect": place == 1,
            }
            for place in range(3)
        ],
    )


@pytest.mark.parametrize("place", [1, 2])
def test_of_several_right_options_any_is_right(admin: httpx.Client, learner: httpx.Client, place: int) -> None:
    """With several right options any of them is right (tightened: the old one accepted the first only)."""
    new_questions = [question("Which?", ("no", False), ("yes", True), ("also yes", True))]
    room = Classroom(admin, learner, questions=new_questions)
    submitted = room.submit([{"questionId": room.question(0), "optionId": room.option(0, place)}])
    assert submitted == room.graded(
        submitted,
        totalQuestions=1,
        answeredQuestions=1,
        correctAnswers=1,
        scorePercentage=100,
        passPercentage=70,
        status="passed",
        passed=True,
        answers=[
            {
                "questionId": room.question(0),
                "submittedOptionId": room.option(0, place),
                "correctOptionId": room.option(0, place),
                "isCorrect": True,
            }
        ],
    )


@pytest.mark.parametrize(
    ("right", "total", "score"), [(1, 8, 13), (3, 8, 38), (5, 8, 63), (1, 3, 33), (2, 3, 67), (1, 6, 17), (0, 7, 0)]
)
def test_the_score_is_rounded_half_up(
    admin: httpx.Client, learner: httpx.Client, right: int, total: int, score: int
) -> None:
    """scorePercentage is correct/total*100 rounded half up"""
    room = Classroom(admin, learner, questions=questions(total))
    answers = chosen(room.quiz, *[place < right for place in range(total)])
    result = room.submit(answers)[1]["result"]
    assert (result["totalQuestions"], result["correctAnswers"], result["scorePercentage"]) == (total, right, score)


@pytest.mark.parametrize(("pass_percentage", "passed"), [(0, True), (66, True), (67, True), (68, False), (100, False)])
def test_a_score_of_the_pass_percentage_passes(
    admin: httpx.Client, learner: httpx.Client, pass_percentage: int, passed: bool
) -> None:
    """passed means scorePercentage >= passPercentage."""
    room = Classroom(admin, learner, questions=questions(3), passPercentage=pass_percentage)
    result = room.submit(chosen(room.quiz, True, True, False))[1]["result"]
    assert (result["scorePercentage"], result["passPercentage"]) == (67, pass_percentage)
    assert (result["passed"], result["status"]) == (passed, "passed" if passed else "failed")


def test_answered_questions_are_the_answers_that_were_sent(admin: httpx.Client, learner: httpx.Client) -> None:
    """answeredQuestions counts the answers sent."""
    room = Classroom(admin, learner, questions=questions(3))
    counts = [
        room.submit(chosen(room.quiz, *picks))[1]["result"]["answeredQuestions"]
        for picks in ((None, None, None), (False, None, None), (True, None, False), (True, True, True))
    ]
    assert counts == [0, 1, 2, 3]
