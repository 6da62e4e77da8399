"""Quizzes for learners. These routes are internal: the gateway calls them for a learner."""

from collections.abc import Callable
from contextvars import copy_context
from dataclasses import asdict
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
from services.quiz.entities import Answers, Submission
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
from services.quiz.service.quiz import QuizService

# A learner's body beside a lesson's title, each of which may be as long as a body.
SUBMISSION_LIMIT_BYTES = 3 * BODY_LIMIT_BYTES
# The gateway sends at most 512 KiB.
BATCH_LIMIT_BYTES = 4 * BODY_LIMIT_BYTES
BATCH_ROUTE = "/internal/submission-batches"
SUBMIT_ROUTE = "POST /api/public/events/{}/lessons/{}/quiz/submit"


class LessonQuiz(QuizResource):
    """/internal/lessons/{lesson_id}/quiz: for a learner to whom content has opened the lesson."""

    @Operation(
        id="getLessonQuiz",
        response=Item[LearnerQuizView],
        errors=(QuizNotFound,),
        reads=(
            Operation(
                id="getPublicQuiz",
                summary="Return the lesson's quiz, without any trace of which option is right, for caches.",
                response=Item[LearnerQuizView],
                errors=(QuizNotFound,),
                is_conditional=True,
            ),
        ),
    )
    async def on_get(self, request: Request, response: Response, lesson_id: str) -> None:
        """Return the lesson's quiz, without any trace of which option is right."""
        version = await self._run(self._service.learners.version, lesson_id)
        response.set_header(FRESHNESS_HEADER, freshness_header(Freshness(version)))
        quiz = await self._run(self._service.learners.quiz, lesson_id)
        write_json(response, {"item": learner_quiz_view(quiz)})


class LessonQuizVersion(QuizResource):
    """/internal/lessons/{lesson_id}/quiz/version: which version of its quiz the lesson has."""

    async def on_get(self, request: Request, response: Response, lesson_id: str) -> None:
        """Return the version now, also of a lesson without a quiz."""
        write_json(response, asdict(await self._run(self._service.learners.version, lesson_id)))


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
    """/internal/submission-batches: submissions of several learners, which share one transaction."""

    async def on_post(self, request: Request, response: Response) -> None:
        """Respond to each as /internal/submissions would, in their order. The errors of one are its own."""
        document = await read_document(request, limit=BATCH_LIMIT_BYTES, of_any_depth=True)
        # Each submission is within the batch, its list and its item.
        is_deep = is_nested_too_deeply(document, around=3)
        items = [_BatchItem(each) for each in validated(SubmissionBatch, document).items]
        readable = [item for item in items if item.read(self._service, is_deep=is_deep)]
        submits = [item.submit for item in readable]
        outcomes = await self._run_together(submits, self._service.learners.submit_together) if submits else ()
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

    submit: Once[Answers, Submission]
    outcome: StoredResponse | BaseException

    def __init__(self, document: Any):
        self._document = document
        self._request_id: str | None = None
        self._client_address: str | None = None

    def read(self, service: QuizService, *, is_deep: bool) -> bool:
        """Read the submission, which becomes `submit`; return False when an error is the outcome already.

        `is_deep` if one of the batch is nested too deeply.
        """
        try:
            item = validated(SubmissionItem, self._document)
            self._request_id, self._client_address = item.request_id, item.client_address
            if is_deep and is_nested_too_deeply(item.submission):
                raise TooDeep
            self.submit = _submit(service, item.submission, item.idempotency_key, self._begin)
        except Exception as error:
            self.outcome = error
            return False
        return True

    def view(self) -> dict[str, Any]:
        """Return the response to the submission."""
        if isinstance(self.outcome, StoredResponse):
            stored = self.outcome
            return {
                "status": stored.status,
                "headers": {"Content-Type": MEDIA_JSON, **stored_headers(stored)},
                "body": Fragment(stored.body),
            }
        return copy_context().run(self._error_view, self.outcome)

    def _begin(self) -> None:
        """Begin the context of the submission: only that of an error, or of one that runs alone, is seen."""
        self._request_id = start_request(self._request_id, "POST", BATCH_ROUTE)
        set_anonymous_actor(self._client_address)

    def _error_view(self, outcome: BaseException) -> dict[str, Any]:
        self._begin()
        error = _service_error(outcome)
        return {
            "status": error.status,
            "headers": {"Content-Type": MEDIA_JSON, **error_headers(error)},
            "body": error.envelope(current_request_id()),
        }


def _service_error(error: BaseException) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    log.error("request_failed", exc_info=error)
    return ServiceError()


def _submit(
    service: QuizService, document: Any, key_header: str | None, begin: Callable[[], object] = lambda: None
) -> Once[Answers, Submission]:
    submission = validated(AdmittedSubmission, document)
    attempt = validated(NewAttempt, submission.submission)
    answers = Answers(submission.lesson_id, attempt.chosen(), attempt.revision)
    return Once(
        _learner_idempotency_key(key_header, submission),
        answers,
        partial(service.learners.submit, answers.lesson_id, answers.answers, revision_id=answers.revision_id),
        partial(_graded, submission),
        begin,
    )


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
