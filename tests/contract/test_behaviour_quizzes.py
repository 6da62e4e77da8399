"""docs/contract/BEHAVIOUR.md, "Quizzes"."""

from contextlib import closing
from copy import deepcopy
from typing import Any

import httpx
import pytest

from services.kit.storage.database import open_database, transaction
from tests.contract.samples import (
    QUIZ_NOT_FOUND,
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
from tests.installation import Installation
from tests.refusals import refusal

QUIZ_CHANGED = refusal(409, "QUIZ_CHANGED", "The quiz has changed since it was shown; load it again")
FOREIGN = refusal(400, "QUIZ_INVALID_ATTEMPT", "An answer is for a question that is not of this quiz")


class Classroom:
    """A lesson with a quiz, and a learner in front of it."""

    def __init__(self, admin: httpx.Client, learner: httpx.Client, **fields: Any):
        self._admin = admin
        self._learner = learner
        self.event = new_event(admin)
        self.lesson = new_lesson(admin, self.event)
        self.quiz = new_quiz(admin, self.lesson, **fields)

    def submit(self, answers: list[Json], **fields: Any) -> tuple[int, Any]:
        """Submit the answers and return the response."""
        address = public_address(self.event, self.lesson["slug"], "quiz/submit")
        return parsed(self._learner.post(address, json={"answers": answers, **fields}))

    def score(self, answers: list[Json], **fields: Any) -> tuple[str, int]:
        """Submit the answers and return the id of the quiz by which they were graded, and the score."""
        status, body = self.submit(answers, **fields)
        assert status == 200, body
        return body["result"]["quizId"], body["result"]["scorePercentage"]

    def show(self) -> Json:
        """Return the quiz as the learner is shown it."""
        response = self._learner.post(public_address(self.event, self.lesson["slug"], "quiz"))
        return dict(response.json()["item"])

    def edit(self, **fields: Any) -> Json:
        """Save the quiz as it was read first, but for the fields, and return it."""
        response = self._admin.put(f"/api/quizzes/{self.quiz['id']}", json={**self.quiz, **fields})
        assert response.status_code == 200, response.text
        return dict(response.json()["item"])

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
    item = {**room.quiz, "revision": body["item"]["revision"], "questions": bare}
    assert (status, body) == (200, {"item": item})


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


def let_a_day_pass(stack: Installation, room: Classroom) -> None:
    """Let the versions of the lesson's quiz have been replaced a day earlier."""
    with closing(open_database(stack.environment["QUIZ_DATABASE_URL"])) as database, transaction(database):
        statement = "UPDATE quiz_revisions SET replaced_at = replaced_at - 86400000 WHERE lesson_id = '{}'"
        database.execute_sql(statement.format(room.lesson["id"]))


def test_a_quiz_saved_while_it_is_taken_throws_nobody_out(admin: httpx.Client, learner: httpx.Client) -> None:
    """A learner is graded by what was shown (widened)."""
    room = Classroom(admin, learner)
    answers = chosen(room.quiz, True, True)
    # As the old admin app saves: without ids.
    room.edit(questions=questions(3))
    submitted = room.submit(answers)
    assert submitted == room.graded(
        submitted,
        totalQuestions=2,
        answeredQuestions=2,
        correctAnswers=2,
        scorePercentage=100,
        passPercentage=70,
        status="passed",
        passed=True,
        answers=[
            {
                "questionId": room.question(place),
                "submittedOptionId": room.option(place, 1),
                "correctOptionId": room.option(place, 1),
                "isCorrect": True,
            }
            for place in range(2)
        ],
    )
    [attempt] = admin.get(f"/api/quizzes/{room.quiz['id']}/attempts").json()["items"]
    assert attempt["quiz"] == {key: room.quiz[key] for key in ("title", "passPercentage", "questions")}


def test_a_submit_is_graded_by_the_revision_that_it_sends(admin: httpx.Client, learner: httpx.Client) -> None:
    """The learner's quiz view has `revision`; a submit may send it and is then graded by it."""
    room = Classroom(admin, learner)
    shown = room.show()["revision"]
    corrected = deepcopy(room.quiz["questions"])
    for option in corrected[0]["options"]:
        option["isCorrect"] = not option["isCorrect"]
    assert room.edit(questions=corrected)["questions"] == corrected
    answers = chosen(room.quiz, True, True)
    shown_now = room.show()["revision"]
    assert shown_now != shown
    assert (room.score(answers, revision=shown)[1], room.score(answers, revision=shown_now)[1]) == (100, 50)
    newer, older = admin.get(f"/api/quizzes/{room.quiz['id']}/attempts").json()["items"]
    assert (newer["revision"], older["revision"]) == (shown_now, shown)
    # Each is graded by the revision that it sends, even if another one would take the answers.
    room.edit(questions=questions())
    assert room.submit(answers, revision=room.show()["revision"]) == FOREIGN


def test_without_a_revision_the_newest_version_with_the_ids_grades(admin: httpx.Client, learner: httpx.Client) -> None:
    """Without it the newest version that still grades and holds all the ids grades."""
    room = Classroom(admin, learner)
    corrected = deepcopy(room.quiz["questions"])
    for option in corrected[0]["options"]:
        option["isCorrect"] = not option["isCorrect"]
    room.edit(questions=corrected)
    room.edit(questions=corrected[:1])
    assert room.score(chosen(room.quiz, True, None))[1] == 0
    # The second question was left out of the newest version only.
    assert room.score(chosen(room.quiz, True, True))[1] == 50
    assert room.score([])[1] == 0


def test_a_replaced_version_grades_for_a_day(admin: httpx.Client, learner: httpx.Client, stack: Installation) -> None:
    """A replaced version grades for 24 hours after it was replaced; attempts keep it longer, for reading only."""
    room = Classroom(admin, learner)
    shown, answers = room.show()["revision"], chosen(room.quiz, True, False)
    room.edit(questions=questions(1))
    assert room.score(answers, revision=shown)[1] == 50
    let_a_day_pass(stack, room)
    assert room.submit(answers, revision=shown) == room.submit(answers) == QUIZ_CHANGED
    room.edit(questions=questions(3))
    [attempt] = admin.get(f"/api/quizzes/{room.quiz['id']}/attempts").json()["items"]
    assert (attempt["revision"], attempt["quiz"]["questions"]) == (shown, room.quiz["questions"])


def test_a_revision_that_does_not_grade_is_a_changed_quiz(
    admin: httpx.Client, learner: httpx.Client, stack: Installation
) -> None:
    """A `revision` that no longer grades, or that nobody knows, is 409 QUIZ_CHANGED."""
    room, other = Classroom(admin, learner), Classroom(admin, learner)
    shown, answers = room.show()["revision"], chosen(room.quiz, True, True)
    for revision in (UNKNOWN, "", "\0", other.show()["revision"], room.quiz["id"]):
        assert room.submit(answers, revision=revision) == QUIZ_CHANGED
    room.edit(title="Renamed")
    let_a_day_pass(stack, room)
    # The questions are the same, but what counts as passed might not be.
    assert room.submit(answers, revision=shown) == QUIZ_CHANGED
    assert room.score(answers) == room.score(answers, revision=None) == (room.quiz["id"], 100)


def test_ids_of_an_outdated_version_are_told_from_ids_of_none(
    admin: httpx.Client, learner: httpx.Client, stack: Installation
) -> None:
    """Ids without a revision are QUIZ_CHANGED when a version of that lesson that is still stored but no longer grades
    holds them all, else QUIZ_INVALID_ATTEMPT."""
    room, other = Classroom(admin, learner), Classroom(admin, learner)
    answers = chosen(room.quiz, True, True)
    edited = room.edit(questions=questions())
    other.edit(questions=questions())
    let_a_day_pass(stack, room)
    assert room.submit(answers) == QUIZ_CHANGED
    of_two_versions = [answers[0], chosen(edited, None, True)[0]]
    for foreign in (of_two_versions, chosen(other.quiz, True, True), [{"questionId": UNKNOWN, "optionId": UNKNOWN}]):
        assert room.submit(foreign) == FOREIGN


def test_a_quiz_deleted_and_made_again_grades_who_was_shown_the_first(
    admin: httpx.Client, learner: httpx.Client, stack: Installation
) -> None:
    """Versions are looked up by lesson, so that a quiz deleted and made again counts as replaced; a lesson without a
    quiz is 404."""
    room = Classroom(admin, learner)
    shown, answers = room.show()["revision"], chosen(room.quiz, True, True)
    assert admin.delete(f"/api/quizzes/{room.quiz['id']}").status_code == 204
    assert room.submit(answers, revision=shown) == room.submit(answers) == QUIZ_NOT_FOUND
    again = new_quiz(admin, room.lesson, questions=questions(1))
    assert room.score(answers, revision=shown) == room.score(answers) == (room.quiz["id"], 100)
    assert room.score(chosen(again, True)) == (again["id"], 100)
    let_a_day_pass(stack, room)
    assert room.submit(answers, revision=shown) == room.submit(answers) == QUIZ_CHANGED


def test_an_update_keeps_the_ids_that_stay_where_they_were(admin: httpx.Client, learner: httpx.Client) -> None:
    """In an update an id keeps its question or option only where it is a text that the current version has at that
    place and it comes for the first time; any other value, a repeated one included, counts as absent and is never an
    error."""
    room = Classroom(admin, learner)
    first, second = room.quiz["questions"]
    # The same again changes nothing, not even `updatedAt` and the version that learners are shown.
    shown = room.show()
    assert (room.edit(), room.show()) == (room.quiz, shown)
    reordered = [{**second, "order": 1}, {**first, "order": 2}]
    assert room.edit(questions=reordered)["questions"] == reordered
    others = [None, 7, 1.5, True, "", UNKNOWN, [first["id"]], {"id": first["id"]}, f" {first['id']}", room.quiz["id"]]
    for other in (*others, second["options"][0]["id"], second["id"]):
        first, second = room.edit(questions=questions())["questions"]
        option = {**second["options"][0], "id": first["options"][0]["id"] if other == second["id"] else other}
        sent = [{**second, "options": [option, *second["options"][1:]]}, {**first, "id": other}]
        new, kept = room.edit(questions=sent)["questions"]
        assert ids_of(kept) & ids_of(second) == {second["id"], second["options"][1]["id"]}
        assert not ids_of(new) & (ids_of(first) | ids_of(second))
    one, two = room.edit(questions=[kept, {**kept, "order": 3}])["questions"]
    assert (one, ids_of(one) & ids_of(two)) == (kept, set())


def ids_of(question: Json) -> set[str]:
    """Return the ids of the question and its options."""
    return {question["id"], *(option["id"] for option in question["options"])}


def test_a_new_quiz_takes_no_ids(admin: httpx.Client, learner: httpx.Client) -> None:
    """A creation ignores ids."""
    room = Classroom(admin, learner)
    copied = new_quiz(admin, new_lesson(admin, room.event), questions=room.quiz["questions"])
    for before, after in zip(room.quiz["questions"], copied["questions"], strict=True):
        for each, copy in ((before, after), *zip(before["options"], after["options"], strict=True)):
            assert each["id"] != copy["id"]
    numbered = [{**each, "id": place} for place, each in enumerate(questions())]
    assert len(new_quiz(admin, new_lesson(admin, room.event), questions=numbered)["questions"]) == 2
