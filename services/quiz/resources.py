"""HTTP in, one service call, HTTP out."""

from functools import partial

from falcon.asgi import Request, Response

from services.kit.core.errors import NotFound
from services.kit.storage.use_cases import UseCases
from services.kit.web.documents import (
    BODY_LIMIT_BYTES,
    admin_idempotency_key,
    read_document,
    read_if_match,
    read_json,
    write_json,
    write_page,
    write_stored_response,
    write_versioned,
)
from services.kit.web.entity_tags import entity_tag
from services.kit.web.idempotency import KEY_HEADER, IdempotencyKey, StoredResponse, request_key, stored_response
from services.kit.web.operations import Operation
from services.kit.web.pages import DEFAULT_LIMIT, page_request
from services.kit.web.schemas import Item, Items, validated
from services.quiz.entities import Quiz, Submission
from services.quiz.errors import (
    EventNotFound,
    InvalidAttempt,
    LessonHasQuiz,
    LessonNotFound,
    MissingCorrectOption,
    QuizNotFound,
)
from services.quiz.following import Follower
from services.quiz.schemas import (
    AdmittedSubmission,
    AttemptPageView,
    LearnerQuizView,
    LearnerSubmission,
    NewAttempt,
    NewQuiz,
    QuizQuery,
    QuizUpdate,
    QuizView,
    SubmissionView,
    attempt_views,
    learner_quiz_view,
    quiz_view,
    submission_view,
)
from services.quiz.service import QuizService

SORT_KEY = (int, str)
# A learner's body beside a lesson's title, each of which may be as long as a body.
SUBMISSION_LIMIT_BYTES = 3 * BODY_LIMIT_BYTES
SUBMIT_ROUTE = "POST /api/public/events/{0.event_slug}/lessons/{0.lesson_slug}/quiz/submit"


class QuizResource:
    """The service, and the pool that its use cases run in."""

    def __init__(self, service: QuizService, use_cases: UseCases):
        self._service = service
        self._use_cases = use_cases


class Quizzes(QuizResource):
    """/api/quizzes."""

    @Operation(id="listQuizzes", query=QuizQuery, answer=Items[QuizView], is_paged=True)
    async def on_get(self, request: Request, response: Response) -> None:
        """List quizzes with their right options, oldest first."""
        wanted = page_request(request.get_param("limit"), request.get_param("cursor"), SORT_KEY)
        query = validated(QuizQuery, dict(request.params))
        page = await self._use_cases.run(self._service.list_quizzes, query.filter(), wanted)
        write_page(response, [quiz_view(quiz) for quiz in page.items], page, wanted)

    @Operation(
        id="createQuiz",
        body=NewQuiz,
        answer=Item[QuizView],
        status=201,
        errors=(MissingCorrectOption, EventNotFound, LessonNotFound, LessonHasQuiz),
        takes_idempotency_key=True,
        gives_entity_tag=True,
    )
    async def on_post(self, request: Request, response: Response) -> None:
        """Create the quiz of a lesson."""
        document = await read_document(request)
        create = partial(self._service.create_quiz, validated(NewQuiz, document).fields())
        key = admin_idempotency_key(request, document)
        write_stored_response(response, await self._use_cases.run_once(key, create, _created_response))


class QuizItem(QuizResource):
    """/api/quizzes/{quiz_id}."""

    @Operation(id="getQuiz", answer=Item[QuizView], errors=(QuizNotFound,), gives_entity_tag=True)
    async def on_get(self, request: Request, response: Response, quiz_id: str) -> None:
        """Return a quiz with its right options."""
        quiz = await self._use_cases.run(self._service.get_quiz, quiz_id)
        write_versioned(response, quiz, quiz_view(quiz))

    @Operation(
        id="updateQuiz",
        body=QuizUpdate,
        answer=Item[QuizView],
        errors=(MissingCorrectOption, QuizNotFound),
        takes_if_match=True,
        gives_entity_tag=True,
    )
    async def on_put(self, request: Request, response: Response, quiz_id: str) -> None:
        """Replace title and questions; passPercentage stays when it is absent."""
        update = await read_json(request, QuizUpdate)
        states = read_if_match(request)
        quiz = await self._use_cases.run(self._service.update_quiz, quiz_id, update.changes(), states)
        write_versioned(response, quiz, quiz_view(quiz))

    @Operation(id="deleteQuiz", status=204, errors=(QuizNotFound,), takes_if_match=True)
    async def on_delete(self, request: Request, response: Response, quiz_id: str) -> None:
        """Delete a quiz; its attempts stay as history."""
        await self._use_cases.run(self._service.delete_quiz, quiz_id, read_if_match(request))
        response.status = 204


class Attempts(QuizResource):
    """/api/quizzes/{quiz_id}/attempts."""

    @Operation(id="listAttempts", answer=AttemptPageView, errors=(QuizNotFound,), is_paged=True)
    async def on_get(self, request: Request, response: Response, quiz_id: str) -> None:
        """List a page of the quiz's attempts, newest first; they outlive the quiz.

        Without a limit a page has 50 of them.
        """
        wanted = page_request(request.get_param("limit"), request.get_param("cursor"), SORT_KEY, DEFAULT_LIMIT)
        history = await self._use_cases.run(self._service.list_attempts, quiz_id, wanted)
        write_page(response, list(attempt_views(history)), history.page, wanted)


class LessonQuiz(QuizResource):
    """/internal/lessons/{lesson_id}/quiz: for a learner whom content has let in."""

    @Operation(id="getLessonQuiz", answer=Item[LearnerQuizView], errors=(QuizNotFound,))
    async def on_get(self, request: Request, response: Response, lesson_id: str) -> None:
        """Return the lesson's quiz, without any trace of which option is right."""
        quiz = await self._use_cases.run(self._service.get_lesson_quiz, lesson_id)
        write_json(response, {"item": learner_quiz_view(quiz)})


class Submissions(QuizResource):
    """/internal/submissions: of a learner whom content has let in."""

    @Operation(
        id="submitQuiz",
        body=NewAttempt,
        answer=SubmissionView,
        errors=(InvalidAttempt, QuizNotFound),
        takes_idempotency_key=True,
    )
    async def on_post(self, request: Request, response: Response) -> None:
        """Grade a learner's answers."""
        submission = validated(AdmittedSubmission, await read_document(request, limit=SUBMISSION_LIMIT_BYTES))
        answers = validated(NewAttempt, submission.submission).chosen()
        submit = partial(self._service.submit, submission.lesson_id, answers)
        key = _learner_idempotency_key(request, submission)
        write_stored_response(
            response, await self._use_cases.run_once(key, submit, partial(_graded_response, submission))
        )


class Replays(QuizResource):
    """/internal/replays: of a learner whom content does not let in, or no longer."""

    @Operation(
        id="replaySubmission", body=NewAttempt, answer=SubmissionView, errors=(NotFound,), takes_idempotency_key=True
    )
    async def on_post(self, request: Request, response: Response) -> None:
        """Repeat the response to a submission that was graded before under the same Idempotency-Key."""
        submission = validated(LearnerSubmission, await read_document(request, limit=SUBMISSION_LIMIT_BYTES))
        key = _learner_idempotency_key(request, submission)
        stored = await self._use_cases.replay(key) if key else None
        if stored is None:
            raise NotFound
        write_stored_response(response, stored)


class CatchUp:
    """/internal/catch-up: follow content now, so that the quizzes of deleted lessons are gone at once."""

    def __init__(self, follower: Follower, use_cases: UseCases):
        self._follower = follower
        self._use_cases = use_cases

    async def on_post(self, request: Request, response: Response) -> None:
        """Read every change of content's feed so far; repeating it is harmless."""
        write_json(response, {"changes": await self._use_cases.run(self._follower.catch_up)})


def _created_response(quiz: Quiz) -> StoredResponse:
    return stored_response({"item": quiz_view(quiz)}, 201, entity_tag(quiz))


def _graded_response(request: AdmittedSubmission, submission: Submission) -> StoredResponse:
    return stored_response(submission_view(request, submission), 200)


def _learner_idempotency_key(request: Request, submission: LearnerSubmission) -> IdempotencyKey | None:
    # Learners do not sign in: a caller who knows the key and the exact body is taken for the one who sent them first.
    return request_key(request.get_header(KEY_HEADER), SUBMIT_ROUTE.format(submission), "", submission.submission)
