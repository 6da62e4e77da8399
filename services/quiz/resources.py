"""HTTP in, one service call, HTTP out."""

from falcon.asgi import Request, Response

from services.kit.pagination import DEFAULT_LIMIT, page_request
from services.kit.schemas import validated
from services.kit.use_cases import UseCases
from services.kit.web import read_if_match, read_json, write_json, write_page, write_versioned
from services.quiz.following import Follower
from services.quiz.schemas import (
    NewAttempt,
    NewQuiz,
    QuizQuery,
    QuizUpdate,
    attempt_views,
    learner_quiz_view,
    quiz_view,
    submission_view,
)
from services.quiz.service import QuizService

SORT_KEY = (int, str)


class QuizResource:
    """What every resource of quiz holds: the service, and the pool that its use cases run in."""

    def __init__(self, service: QuizService, use_cases: UseCases):
        self._service = service
        self._run = use_cases.run


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
        new_quiz = await read_json(request, NewQuiz)
        quiz = await self._run(
            self._service.create_quiz,
            new_quiz.event_id,
            new_quiz.lesson_id,
            new_quiz.title,
            new_quiz.pass_percentage,
            new_quiz.new_questions(),
        )
        write_versioned(response, quiz, quiz_view(quiz), 201)


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


class LessonAttempts(QuizResource):
    """/internal/lessons/{lesson_id}/attempts: for a learner whom content has let in."""

    async def on_post(self, request: Request, response: Response, lesson_id: str) -> None:
        """Grade and keep a submission; an empty one is read as `{}`, as on every public route."""
        new_attempt = await read_json(request, NewAttempt, optional=True)
        submission = await self._run(self._service.submit, lesson_id, new_attempt.chosen())
        write_json(response, submission_view(submission), 201)


class CatchUp:
    """/internal/catch-up: what content has deleted takes its quizzes with it, now rather than soon."""

    def __init__(self, follower: Follower, use_cases: UseCases):
        self._follower = follower
        self._run = use_cases.run

    async def on_post(self, request: Request, response: Response) -> None:
        """Take in everything that content has told so far; repeating it is harmless."""
        write_json(response, {"changes": await self._run(self._follower.catch_up)})
