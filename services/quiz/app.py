"""Quiz's composition root: its parts put together, and its routes."""

import os

from services.kit.audit.resource import audit_route
from services.kit.database import open_database
from services.kit.guards import READ_AND_WRITE, Guard, Route
from services.kit.health import health_routes
from services.kit.integrity.background import integrity_route
from services.kit.integrity.soundness import SoundnessWatch
from services.kit.tokens import verifier_of
from services.kit.use_cases import UseCases
from services.kit.web import WebApp, create_service_app
from services.quiz import seed
from services.quiz.config import Settings, read_settings
from services.quiz.content import content_of
from services.quiz.following import Follower
from services.quiz.integrity import examination
from services.quiz.migrations import MIGRATIONS
from services.quiz.repository import PeeweeQuizStore
from services.quiz.resources import Attempts, CatchUp, LessonQuiz, QuizItem, Quizzes, Replays, Submissions
from services.quiz.service import QuizService


def create_app(settings: Settings | None = None) -> WebApp:
    """The ASGI app; without settings, those of the environment."""
    settings = settings or read_settings(os.environ)
    database = open_database(settings.database_url, "flix-quiz", create=False)
    use_cases = UseCases(database, settings.threads)
    content = content_of(settings)
    store = PeeweeQuizStore(database)
    service = QuizService(store, content.require_lesson)
    verifier = verifier_of(settings)
    table = (
        *routes(service, Follower(store, content), use_cases),
        *health_routes(use_cases, database, MIGRATIONS),
        audit_route(settings.name, store.audit, use_cases),
        integrity_route(database, examination(seed.places(), content)),
    )
    watch = SoundnessWatch(database, MIGRATIONS, use_cases, settings.integrity_interval_seconds)
    return create_service_app(table, settings, use_cases, verifier, watch, verifier.prepare)


def routes(service: QuizService, follower: Follower, use_cases: UseCases) -> tuple[Route, ...]:
    """Every address of quiz, and who may call it."""
    return (
        Route("/api/quizzes", Quizzes(service, use_cases), READ_AND_WRITE),
        Route("/api/quizzes/{quiz_id}", QuizItem(service, use_cases), READ_AND_WRITE),
        Route("/api/quizzes/{quiz_id}/attempts", Attempts(service, use_cases), READ_AND_WRITE),
        Route("/internal/lessons/{lesson_id}/quiz", LessonQuiz(service, use_cases), Guard.SERVICE),
        Route("/internal/submissions", Submissions(service, use_cases), Guard.SERVICE),
        Route("/internal/replays", Replays(service, use_cases), Guard.SERVICE),
        Route("/internal/catch-up", CatchUp(follower, use_cases), Guard.SERVICE),
    )
