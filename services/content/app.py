"""The composition root of content: connect its parts and list its routes."""

import os
import re
from pathlib import Path

from services.content.branding.generator import Generator, generator_of
from services.content.config import Settings, read_settings
from services.content.migrations import MIGRATIONS
from services.content.repository.store import PeeweeContentStore
from services.content.resources import branding, events, feed, learners, lessons
from services.content.service.content import ContentService
from services.kit.storage.database import open_database
from services.kit.storage.service_app import create_operated_app
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import WebApp
from services.kit.web.freshness import rendering_of
from services.kit.web.guards import READ_AND_WRITE, Guard, Route
from services.kit.web.tokens.auth import access_token_verifier
from services.kit.web.tokens.grants import GrantVerifier
from services.kit.web.version_questions import direct_versions

EVENTS = "/api/events"
EVENT = EVENTS + "/{event_id}"
LESSONS = EVENT + "/lessons"
LESSON = LESSONS + "/{lesson_id}"
LESSON_REFERENCE = "/internal/events/{event_id}/lessons/{lesson_id}"
VERSION = "/internal/version"
PUBLIC_EVENTS = "/internal/public/events"
PUBLIC_LESSON = PUBLIC_EVENTS + "/{event_slug}/lessons/{lesson_slug}"


def create_app(settings: Settings | None = None) -> WebApp:
    """Return the ASGI app; without settings, read them from the environment."""
    settings = settings or read_settings(os.environ)
    database = open_database(settings.database_url, "flix-content", create=False)
    use_cases = UseCases(database, settings.threads)
    store = PeeweeContentStore(database)
    rendering = rendering_of(Path(__file__).parent, settings.allowed_domains)
    service = ContentService(store, settings.service_secret, rendering=rendering)
    verifier = access_token_verifier(settings)

    return create_operated_app(
        routes(service, use_cases, settings, GrantVerifier(verifier)),
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
            re.compile(VERSION),
            lambda: use_cases.run_short(service.learners.version),
        ),
    )


def routes(
    service: ContentService,
    use_cases: UseCases,
    settings: Settings,
    grants: GrantVerifier,
    generator: Generator | None = None,
) -> tuple[Route, ...]:
    """Return the routes table: every address of content, and who may call it.

    Without a `generator` looks are made as the settings say.
    """
    generator = generator or generator_of(settings)
    learner_lesson = learners.LearnerLesson(service, use_cases, grants, settings.allowed_domains)
    return (
        Route(EVENTS, events.Events(service, use_cases), READ_AND_WRITE),
        Route(EVENT, events.EventItem(service, use_cases), READ_AND_WRITE),
        Route(EVENT + "/branding/generate", branding.EventBranding(service, use_cases, generator), READ_AND_WRITE),
        Route(EVENT + "/access-preview", events.EventAccessPreview(service, use_cases), READ_AND_WRITE),
        Route(LESSONS, lessons.Lessons(service, use_cases), READ_AND_WRITE),
        Route(LESSON, lessons.LessonItem(service, use_cases), READ_AND_WRITE),
        Route(
            LESSON + "/materials",
            lessons.Materials(service, use_cases, settings.public_materials_only),
            READ_AND_WRITE,
        ),
        Route(LESSON + "/materials/{material_id}", lessons.MaterialItem(service, use_cases), READ_AND_WRITE),
        Route(
            "/api/admin/dashboard/operational-snapshot",
            events.OperationalSnapshot(service, use_cases),
            READ_AND_WRITE,
        ),
        Route("/internal/changes", feed.Changes(service, use_cases), Guard.SERVICE),
        Route("/internal/feed", feed.Feed(service, use_cases), Guard.SERVICE),
        Route("/internal/references", feed.LessonReferences(service, use_cases), Guard.SERVICE),
        Route("/internal/presence", feed.Presences(service, use_cases), Guard.SERVICE),
        Route(LESSON_REFERENCE, lessons.LessonReference(service, use_cases), Guard.SERVICE),
        Route(VERSION, learners.ContentVersion(service, use_cases), Guard.SERVICE),
        Route(PUBLIC_EVENTS, learners.PublicEvents(service, use_cases), Guard.SERVICE),
        Route(PUBLIC_EVENTS + "/{event_slug}/access", learners.EventAccess(service, use_cases), Guard.SERVICE),
        Route(PUBLIC_EVENTS + "/{event_slug}/catalog", learners.Catalog(service, use_cases, grants), Guard.SERVICE),
        Route(PUBLIC_EVENTS + "/{event_slug}/calendar", learners.EventCalendar(service, use_cases), Guard.SERVICE),
        Route(PUBLIC_LESSON + "/access-check", learner_lesson, Guard.SERVICE, "access_check"),
        Route(PUBLIC_LESSON + "/admission", learner_lesson, Guard.SERVICE, "admission"),
        Route(PUBLIC_LESSON + "/playback", learner_lesson, Guard.SERVICE, "playback"),
        Route(PUBLIC_LESSON + "/materials", learner_lesson, Guard.SERVICE, "materials"),
    )
