"""Quizzes for learners. These routes are internal: the gateway calls them for a learner."""

from functools import partial

from falcon.asgi import Request, Response

from services.kit.core.errors import NotFound
from services.kit.web.documents import BODY_LIMIT_BYTES, read_document, write_json, write_stored_response
from services.kit.web.idempotency import (
    KEY_HEADER,
    IdempotencyKey,
    StoredResponse,
    grouped_key,
    request_key,
    stored_response,
)
from services.kit.web.operations import Operation
from services.kit.web.schemas import Item, validated
from services.quiz.entities import Submission
from services.quiz.errors import InvalidAttempt, QuizChanged, QuizNotFound
from services.quiz.resources.resource import QuizResource
from services.quiz.schemas.learners import (
    AdmittedSubmission,
    LearnerQuizView,
    LearnerSubmission,
    NewAttempt,
    SubmissionView,
    learner_quiz_view,
    submission_view,
)

# A learner's body beside a lesson's title, each of which may be as long as a body.
SUBMISSION_LIMIT_BYTES = 3 * BODY_LIMIT_BYTES
SUBMIT_ROUTE = "POST /api/public/events/{}/lessons/{}/quiz/submit"


class LessonQuiz(QuizResource):
    """/internal/lessons/{lesson_id}/quiz: for a learner to whom content has opened the lesson."""

    @Operation(id="getLessonQuiz", response=Item[LearnerQuizView], errors=(QuizNotFound,))
    async def on_get(self, request: Request, response: Response, lesson_id: str) -> None:
        """Return the lesson's quiz, without any trace of which option is right."""
        quiz = await self._run(self._service.get_lesson_quiz, lesson_id)
        write_json(response, {"item": learner_quiz_view(quiz)})


class Submissions(QuizResource):
    """/internal/submissions: for a learner to whom content has opened the lesson."""

    @Operation(
        id="submitQuiz",
        body=NewAttempt,
        response=SubmissionView,
        errors=(InvalidAttempt, QuizNotFound, QuizChanged),
        takes_idempotency_key=True,
    )
    async def on_post(self, request: Request, response: Response) -> None:
        """Grade a learner's answers by the version of the quiz that was shown."""
        submission = validated(AdmittedSubmission, await read_document(request, limit=SUBMISSION_LIMIT_BYTES))
        attempt = validated(NewAttempt, submission.submission)
        submit = partial(self._service.submit, submission.lesson_id, attempt.chosen(), revision_id=attempt.revision)
        key = _learner_idempotency_key(request, submission)
        write_stored_response(response, await self._run_once(key, submit, partial(_graded, submission)))


class Replays(QuizResource):
    """/internal/replays: for a learner to whom content opens the event, but not the lesson now."""

    @Operation(
        id="replaySubmission", body=NewAttempt, response=SubmissionView, errors=(NotFound,), takes_idempotency_key=True
    )
    async def on_post(self, request: Request, response: Response) -> None:
        """Repeat the response to a submission that was graded before under the same Idempotency-Key."""
        submission = validated(LearnerSubmission, await read_document(request, limit=SUBMISSION_LIMIT_BYTES))
        key = _learner_idempotency_key(request, submission)
        stored = await self._replay(key) if key else None
        if stored is None:
            raise NotFound
        write_stored_response(response, stored)


def _graded(request: AdmittedSubmission, submission: Submission) -> StoredResponse:
    return stored_response(submission_view(request, submission), 200)


def _learner_idempotency_key(request: Request, submission: LearnerSubmission) -> IdempotencyKey | None:
    """Return the key, which belongs to the ids of event and lesson, and to the body without the access key.

    Learners do not sign in: the key and the body together identify the caller, whom content has admitted.
    """
    header, body = request.get_header(KEY_HEADER), submission.submission
    # The release before took the slugs of the address and the exact body.
    lesson_slug = submission.typed_lesson_slug or submission.lesson_slug
    former = request_key(header, SUBMIT_ROUTE.format(submission.event_slug, lesson_slug), "", body)
    if submission.event_id is None:
        return former
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name != "eventAccessKey"}
    return grouped_key(header, ("submit", submission.event_id), submission.lesson_id, body, former)
