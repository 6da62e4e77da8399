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
from services.kit.web.pages import DEFAULT_LIMIT, page_request
from services.kit.web.schemas import validated
from services.quiz.entities import Quiz, Submission
from services.quiz.following import Follower
from services.quiz.schemas import (
    NewAttempt,
    NewQuiz,
    NewSubmission,
    QuizQuery,
    QuizUpdate,
    SentSubmission,
    attempt_views,
    learner_quiz_view,
    quiz_view,
    submission_view,
)
from services.quiz.service import QuizService

SORT_KEY = (int, str)
# What a learner sent, and a lesson's title, which may be as long.
SUBMISSION_LIMIT_BYTES = 3 * BODY_LIMIT_BYTES
SUBMIT_ROUTE = "POST /api/public/events/{0.event_slug}/lessons/{0.lesson_slug}/quiz/submit"


class QuizResource:
    """What every resource of quiz holds: the service, and the pool that its use cases run in."""

    def __init__(self, service: QuizService, use_cases: UseCases):
        self._service = service
        self._run = use_cases.run
        self._run_once = use_cases.run_once
        self._replay = use_cases.replay


class Quizzes(QuizResource):
    """/api/quizzes."""

    async def on_get(self, request: Request, response: Response) -> None:
        """The quizzes of an event, of a lesson, or all of them."""
        wanted = page_request(request.get_param("limit"), request.get_param("cursor"), SORT_KEY)
        query = validated(QuizQuery, dict(request.params))
        page = await self._run(self._service.list_quizzes, query.event_id, query.lesson_id, wanted)
        write_page(response, [quiz_view(quiz) for quiz in page.items], page, wanted)

    async def on_post(self, request: Request, response: Response) -> None:
        """Give a lesson its quiz."""
        document = await read_document(request)
        new_quiz = validated(NewQuiz, document)
        create = partial(
            self._service.create_quiz,
            new_quiz.event_id,
            new_quiz.lesson_id,
            new_quiz.title,
            new_quiz.pass_percentage,
            new_quiz.new_questions(),
        )
        write_stored_response(
            response, await self._run_once(admin_idempotency_key(request, document), create, _created)
        )


class QuizItem(QuizResource):
    """/api/quizzes/{quiz_id}."""

    async def on_get(self, request: Request, response: Response, quiz_id: str) -> None:
        """One quiz, with its right options."""
        quiz = await self._run(self._service.get_quiz, quiz_id)
        write_versioned(response, quiz, quiz_view(quiz))

    async def on_put(self, request: Request, response: Response, quiz_id: str) -> None:
        """Replace title and questions."""
        update = await read_json(request, QuizUpdate)
        quiz = await self._run(
            self._service.update_quiz,
            quiz_id,
            update.title,
            update.pass_percentage,
            update.new_questions(),
            read_if_match(request),
        )
        write_versioned(response, quiz, quiz_view(quiz))

    async def on_delete(self, request: Request, response: Response, quiz_id: str) -> None:
        """Delete it; its attempts stay as history."""
        await self._run(self._service.delete_quiz, quiz_id, read_if_match(request))
        response.status = 204


class Attempts(QuizResource):
    """/api/quizzes/{quiz_id}/attempts."""

    async def on_get(self, request: Request, response: Response, quiz_id: str) -> None:
        """A page of attempts, newest first."""
        wanted = page_request(request.get_param("limit"), request.get_param("cursor"), SORT_KEY, DEFAULT_LIMIT)
        history = await self._run(self._service.list_attempts, quiz_id, wanted)
        write_page(response, attempt_views(history), history.page, wanted)


class LessonQuiz(QuizResource):
    """/internal/lessons/{lesson_id}/quiz: for a learner whom content has let in."""

    async def on_get(self, request: Request, response: Response, lesson_id: str) -> None:
        """The lesson's quiz, without the right options."""
        quiz = await self._run(self._service.get_lesson_quiz, lesson_id)
        write_json(response, {"item": learner_quiz_view(quiz)})


class Submissions(QuizResource):
    """/internal/submissions: of a learner whom content has let in."""

    async def on_post(self, request: Request, response: Response) -> None:
        """Grade and keep a submission; the answer is the learner's as a whole, so that it can be given again."""
        sent = validated(NewSubmission, await read_document(request, limit=SUBMISSION_LIMIT_BYTES))
        answers = validated(NewAttempt, sent.submission).chosen()
        submit = partial(self._service.submit, sent.lesson_id, answers)
        reply = await self._run_once(_learners_key(request, sent), submit, partial(_graded, sent))
        write_stored_response(response, reply)


class Replays(QuizResource):
    """/internal/replays: of a learner whom content does not let in, or no longer."""

    async def on_post(self, request: Request, response: Response) -> None:
        """What was answered to this submission under its Idempotency-Key, when it was let in."""
        sent = validated(SentSubmission, await read_document(request, limit=SUBMISSION_LIMIT_BYTES))
        key = _learners_key(request, sent)
        reply = await self._replay(key) if key else None
        if reply is None:
            raise NotFound
        write_stored_response(response, reply)


class CatchUp:
    """/internal/catch-up: what content has deleted takes its quizzes with it, now rather than soon."""

    def __init__(self, follower: Follower, use_cases: UseCases):
        self._follower = follower
        self._run = use_cases.run

    async def on_post(self, request: Request, response: Response) -> None:
        """Take in everything that content has told so far; repeating it is harmless."""
        write_json(response, {"changes": await self._run(self._follower.catch_up)})


def _created(quiz: Quiz) -> StoredResponse:
    return stored_response({"item": quiz_view(quiz)}, 201, entity_tag(quiz))


def _graded(sent: NewSubmission, submission: Submission) -> StoredResponse:
    return stored_response({"lesson": sent.lesson_view(), **submission_view(submission)}, 200)


def _learners_key(request: Request, sent: SentSubmission) -> IdempotencyKey | None:
    # Nobody signs in to submit: who knows the key and the whole body is the one who sent them.
    return request_key(request.get_header(KEY_HEADER), SUBMIT_ROUTE.format(sent), "", sent.submission)
