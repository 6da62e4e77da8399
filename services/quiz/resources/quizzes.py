"""Quizzes and their attempts, for admins."""

from functools import partial

from falcon.asgi import Request, Response

from services.kit.core.errors import NotFound
from services.kit.web.documents import (
    admin_idempotency_key,
    read_document,
    read_if_match,
    write_list,
    write_stored_response,
    write_versioned,
)
from services.kit.web.entity_tags import entity_tag
from services.kit.web.idempotency import StoredResponse, stored_response
from services.kit.web.list_queries import list_request
from services.kit.web.operations import Operation
from services.kit.web.pages import Page, PageRequest
from services.kit.web.schemas import Item, Items, validated
from services.quiz.entities import Quiz
from services.quiz.errors import EventNotFound, LessonHasQuiz, LessonNotFound, MissingCorrectOption, QuizNotFound
from services.quiz.resources.resource import QuizResource
from services.quiz.schemas.attempts import AttemptPageView, AttemptQuery, AttemptView, attempt_view
from services.quiz.schemas.quizzes import NewQuiz, QuizQuery, QuizUpdate, QuizView, quiz_changes, quiz_view


class Quizzes(QuizResource):
    """/api/quizzes."""

    @Operation(id="listQuizzes", query=QuizQuery, response=Items[QuizView], is_paged=True)
    async def on_get(self, request: Request, response: Response) -> None:
        """List quizzes with their right options, oldest first."""
        requested = list_request(QuizQuery, request.params)
        which, q = requested.query.filter(), requested.query.q

        def read(piece: PageRequest) -> Page[QuizView]:
            return self._service.quizzes.list(which, piece, q).of(quiz_view)

        write_list(response, requested, await self._run_list(read, requested.page))

    @Operation(
        id="createQuiz",
        body=NewQuiz,
        response=Item[QuizView],
        status=201,
        errors=(MissingCorrectOption, EventNotFound, LessonNotFound, LessonHasQuiz),
        takes_idempotency_key=True,
        gives_entity_tag=True,
    )
    async def on_post(self, request: Request, response: Response) -> None:
        """Create the quiz of a lesson."""
        document = await read_document(request)
        create = partial(self._service.quizzes.create, validated(NewQuiz, document).fields())
        key = admin_idempotency_key(request, document)
        write_stored_response(response, await self._run_once(key, create, _created))


class QuizItem(QuizResource):
    """/api/quizzes/{quiz_id}."""

    @Operation(id="getQuiz", response=Item[QuizView], errors=(QuizNotFound,), gives_entity_tag=True)
    async def on_get(self, request: Request, response: Response, quiz_id: str) -> None:
        """Return a quiz with its right options."""
        quiz = await self._run(self._service.quizzes.get, quiz_id)
        write_versioned(response, quiz, quiz_view(quiz))

    @Operation(
        id="updateQuiz",
        body=QuizUpdate,
        response=Item[QuizView],
        errors=(MissingCorrectOption, QuizNotFound),
        takes_if_match=True,
        gives_entity_tag=True,
    )
    async def on_put(self, request: Request, response: Response, quiz_id: str) -> None:
        """Replace title and questions; passPercentage stays when it is absent.

        What a read answers can be sent back. A question or option keeps its id where it is sent; what changes nothing
        makes no version of the quiz.
        """
        document, states = await read_document(request), read_if_match(request)
        try:
            quiz = await self._run(self._service.quizzes.update, quiz_id, partial(quiz_changes, document), states)
        except NotFound:
            # A wrong body is refused first, with nothing stored to compare it with.
            validated(QuizUpdate, document)
            raise
        write_versioned(response, quiz, quiz_view(quiz))

    @Operation(id="deleteQuiz", status=204, errors=(QuizNotFound,), takes_if_match=True)
    async def on_delete(self, request: Request, response: Response, quiz_id: str) -> None:
        """Delete a quiz; its attempts stay as history."""
        await self._run(self._service.quizzes.delete, quiz_id, read_if_match(request))
        response.status = 204


class Attempts(QuizResource):
    """/api/quizzes/{quiz_id}/attempts."""

    @Operation(id="listAttempts", query=AttemptQuery, response=AttemptPageView, errors=(QuizNotFound,), is_paged=True)
    async def on_get(self, request: Request, response: Response, quiz_id: str) -> None:
        """List a page of the quiz's attempts, newest first; they outlive the quiz.

        Without a limit a page has 50 of them.
        """
        requested = list_request(AttemptQuery, request.params, quiz_id)
        which = requested.query.filter()

        def read(piece: PageRequest) -> Page[AttemptView]:
            history = self._service.quizzes.list_attempts(quiz_id, piece, which)
            return history.page.of(partial(attempt_view, history))

        write_list(response, requested, await self._run_list(read, requested.page))


def _created(quiz: Quiz) -> StoredResponse:
    return stored_response({"item": quiz_view(quiz)}, 201, entity_tag(quiz))
