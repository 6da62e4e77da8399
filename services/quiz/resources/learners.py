"""Quizzes for learners. These routes are internal: the gateway calls them for a learner."""

from contextvars import copy_context
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from falcon import MEDIA_JSON
from falcon.asgi import Request, Response
from orjson import Fragment

from services.kit.core.actor import set_anonymous_actor
from services.kit.core.errors import NotFound, ServiceError
from services.kit.core.logging import current_request_id, log, start_request
from services.kit.storage.use_cases import Once
from services.kit.web.app import error_headers
from services.kit.web.bodies import TooDeep, is_nested_too_deeply
from services.kit.web.documents import (
    BODY_LIMIT_BYTES,
    read_document,
    stored_headers,
    write_json,
    write_stored_response,
)
from services.kit.web.freshness import FRESHNESS_HEADER, Freshness, freshness_header
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
    SubmissionBatch,
    SubmissionItem,
    SubmissionView,
    learner_quiz_view,
    submission_view,
)
from services.quiz.service import QuizService

# A learner's body beside a lesson's title, each of which may be as long as a body.
SUBMISSION_LIMIT_BYTES = 3 * BODY_LIMIT_BYTES
# The gateway sends at most 512 KiB.
BATCH_LIMIT_BYTES = 4 * BODY_LIMIT_BYTES
BATCH_ROUTE = "/internal/submission-batches"
SUBMIT_ROUTE = "POST /api/public/events/{}/lessons/{}/quiz/submit"


class LessonQuiz(QuizResource):
    """/internal/lessons/{lesson_id}/quiz: for a learner to whom content has opened the lesson."""

    @Operation(id="getLessonQuiz", response=Item[LearnerQuizView], errors=(QuizNotFound,))
    async def on_get(self, request: Request, response: Response, lesson_id: str) -> None:
        """Return the lesson's quiz, without any trace of which option is right."""
        version = await self._run(self._service.lesson_quiz_version, lesson_id)
        response.set_header(FRESHNESS_HEADER, freshness_header(Freshness(version)))
        quiz = await self._run(self._service.get_lesson_quiz, lesson_id)
        write_json(response, {"item": learner_quiz_view(quiz)})


class LessonQuizVersion(QuizResource):
    """/internal/lessons/{lesson_id}/quiz/version: which version of its quiz the lesson has."""

    async def on_get(self, request: Request, response: Response, lesson_id: str) -> None:
        """Return the version now, also of a lesson without a quiz."""
        write_json(response, asdict(await self._run(self._service.lesson_quiz_version, lesson_id)))


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
        document = await read_document(request, limit=SUBMISSION_LIMIT_BYTES)
        submit = _submit(self._service, document, request.get_header(KEY_HEADER))
        write_stored_response(response, await self._run_once(submit.key, submit.use_case, submit.render))


class SubmissionBatches(QuizResource):
    """/internal/submission-batches: submissions of several learners, which share one transaction on SQLite."""

    async def on_post(self, request: Request, response: Response) -> None:
        """Respond to each as /internal/submissions would, in their order. The errors of one are its own."""
        document = await read_document(request, limit=BATCH_LIMIT_BYTES, of_any_depth=True)
        items = [_BatchItem(each) for each in validated(SubmissionBatch, document).items]
        readable = [item for item in items if item.read(self._service)]
        outcomes = await self._run_together([item.submit for item in readable])
        for item, outcome in zip(readable, outcomes, strict=True):
            item.outcome = outcome
        write_json(response, {"items": [item.view() for item in items]})


class Replays(QuizResource):
    """/internal/replays: for a learner to whom content opens the event, but not the lesson now."""

    @Operation(
        id="replaySubmission", body=NewAttempt, response=SubmissionView, errors=(NotFound,), takes_idempotency_key=True
    )
    async def on_post(self, request: Request, response: Response) -> None:
        """Repeat the response to a submission that was graded before under the same Idempotency-Key."""
        submission = validated(LearnerSubmission, await read_document(request, limit=SUBMISSION_LIMIT_BYTES))
        key = _learner_idempotency_key(request.get_header(KEY_HEADER), submission)
        stored = await self._replay(key) if key else None
        if stored is None:
            raise NotFound
        write_stored_response(response, stored)


class _BatchItem:
    """One submission of a batch, and its outcome."""

    submit: Once
    outcome: StoredResponse | BaseException

    def __init__(self, document: Any):
        self._document = document
        self._context = copy_context()

    def read(self, service: QuizService) -> bool:
        """Read the submission, which becomes `submit`; return False when an error is the outcome already."""
        try:
            self.submit = self._context.run(self._read, service)
        except Exception as error:
            self.outcome = error
            return False
        return True

    def _read(self, service: QuizService) -> Once:
        item = validated(SubmissionItem, self._document)
        start_request(item.request_id, "POST", BATCH_ROUTE)
        set_anonymous_actor(item.client_address)
        if is_nested_too_deeply(item.submission):
            raise TooDeep
        return replace(_submit(service, item.submission, item.idempotency_key), context=self._context)

    def view(self) -> dict[str, Any]:
        """Return the response to the submission."""
        headers = {"Content-Type": MEDIA_JSON}
        if isinstance(self.outcome, StoredResponse):
            stored = self.outcome
            return {
                "status": stored.status,
                "headers": headers | stored_headers(stored),
                "body": Fragment(stored.body),
            }
        error = self._context.run(_service_error, self.outcome)
        body = error.envelope(self._context.run(current_request_id))
        return {"status": error.status, "headers": headers | error_headers(error), "body": body}


def _service_error(error: BaseException) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    log.error("request_failed", exc_info=error)
    return ServiceError()


def _submit(service: QuizService, document: Any, key_header: str | None) -> Once:
    submission = validated(AdmittedSubmission, document)
    attempt = validated(NewAttempt, submission.submission)
    submit = partial(service.submit, submission.lesson_id, attempt.chosen(), revision_id=attempt.revision)
    return Once(_learner_idempotency_key(key_header, submission), submit, partial(_graded, submission))


def _graded(request: AdmittedSubmission, submission: Submission) -> StoredResponse:
    return stored_response(submission_view(request, submission), 200)


def _learner_idempotency_key(header: str | None, submission: LearnerSubmission) -> IdempotencyKey | None:
    """Return the key, which belongs to the ids of event and lesson, and to the body without the access key.

    Learners do not sign in: the key and the body together identify the caller, whom content has admitted.
    """
    body = submission.submission
    # The release before took the slugs of the address and the exact body.
    lesson_slug = submission.typed_lesson_slug or submission.lesson_slug
    former = request_key(header, SUBMIT_ROUTE.format(submission.event_slug, lesson_slug), "", body)
    if submission.event_id is None:
        return former
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name != "eventAccessKey"}
    return grouped_key(header, ("submit", submission.event_id), submission.lesson_id, body, former)
