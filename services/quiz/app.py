"""The composition root of quiz: connect its parts and list its routes."""

import os
import re
from pathlib import Path

from services.kit.storage.database import open_database
from services.kit.storage.service_app import create_operated_app
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import WebApp
from services.kit.web.freshness import rendering_of
from services.kit.web.guards import READ_AND_WRITE, Guard, Route
from services.kit.web.tokens.auth import access_token_verifier
from services.kit.web.version_questions import direct_versions
from services.quiz.config import Settings, read_settings
from services.quiz.content import content_of
from services.quiz.following import Follower
from services.quiz.migrations import MIGRATIONS
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.resources import following, learners, quizzes
from services.quiz.service.quiz import QuizService

LESSON_QUIZ = "/internal/lessons/{lesson_id}/quiz"
# Ids as quiz knows them. Another spelling of the address is unusual.
LESSON_QUIZ_VERSION = re.compile(LESSON_QUIZ.format(lesson_id="([A-Za-z0-9_-]+)") + "/version")


def create_app(settings: Settings | None = None) -> WebApp:
    """Return the ASGI app; without settings, read them from the environment."""
    settings = settings or read_settings(os.environ)
    database = open_database(settings.database_url, "flix-quiz", create=False)
    use_cases = UseCases(database, settings.threads)
    content = content_of(settings)
    store = PeeweeQuizStore(database)
    service = QuizService(store, content.require_lesson, rendering=rendering_of(Path(__file__).parent))
    verifier = access_token_verifier(settings)

    return create_operated_app(
        routes(service, Follower(store, content), use_cases),
        settings,
        database,
        MIGRATIONS,
        store.audit,
        use_cases,
        verifier,
        verifier.prepare,
        direct=direct_versions(
            settings.name,
            settings.service_secret,
            LESSON_QUIZ_VERSION,
            lambda lesson_id: use_cases.run_short(service.learners.version, lesson_id),
        ),
    )


def routes(service: QuizService, follower: Follower, use_cases: UseCases) -> tuple[Route, ...]:
    """Return the routes table: every address of quiz, and who may call it."""
    return (
        Route("/api/quizzes", quizzes.Quizzes(service, use_cases), READ_AND_WRITE),
        Route("/api/quizzes/{quiz_id}", quizzes.QuizItem(service, use_cases), READ_AND_WRITE),
        Route("/api/quizzes/{quiz_id}/attempts", quizzes.Attempts(service, use_cases), READ_AND_WRITE),
        Route(LESSON_QUIZ, learners.LessonQuiz(service, use_cases), Guard.SERVICE),
        Route(LESSON_QUIZ + "/version", learners.LessonQuizVersion(service, use_cases), Guard.SERVICE),
        Route("/internal/submissions", learners.Submissions(service, use_cases), Guard.SERVICE),
        Route("/internal/submission-batches", learners.SubmissionBatches(service, use_cases), Guard.SERVICE),
        Route("/internal/replays", learners.Replays(service, use_cases), Guard.SERVICE),
        Route("/internal/catch-up", following.CatchUp(follower, use_cases), Guard.SERVICE),
    )
