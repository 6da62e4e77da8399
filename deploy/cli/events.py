"""`flix event`: through content's service, in the audit log as a command's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.answer import Json, answering, columns, given_text

if TYPE_CHECKING:
    from services.content.entities import Event, Lesson
    from services.content.repository.store import PeeweeContentStore
    from services.content.service.content import ContentService

app = typer.Typer(help="List events, and put them on the public list or take them off.", no_args_is_help=True)

Slug = Annotated[
    str, typer.Argument(parser=given_text, metavar="EVENT", help="The event's slug, also a former one, or its id.")
]


@app.command("list")
def list_events(json: Json = False) -> None:
    """Show all events, oldest first."""
    with answering(as_json=json) as answer, _content() as (service, _):
        from services.kit.web.pages import PageRequest

        events = [_event_view(each) for each in service.events.list(PageRequest()).items]
        answer.members["items"] = events
        if not events:
            answer.line("no events yet")
        for line in columns([(each["slug"], _state(each), each["id"], each["title"]) for each in events]):
            answer.line(line)


@app.command()
def show(event: Slug, json: Json = False) -> None:
    """Show an event and its lessons."""
    with answering(as_json=json) as answer, _content() as (service, store):
        from services.kit.web.pages import PageRequest

        found = _find(store, event)
        item = _event_view(found)
        lessons = [_lesson_view(each) for each in service.lessons.list(found.id, PageRequest()).items]
        answer.members |= {"item": item, "lessons": lessons}
        for line in columns([(name, str(value)) for name, value in item.items()]):
            answer.line(line)
        for line in columns([(each["releaseAt"], each["slug"], each["title"]) for each in lessons]):
            answer.line(line)


@app.command("open")
def open_event(event: Slug, json: Json = False) -> None:
    """Put the event on the public list (isActive)."""
    _switch(event, json, is_active=True)


@app.command()
def close(event: Slug, json: Json = False) -> None:
    """Take the event off the public list; its address, with its key, still opens it."""
    _switch(event, json, is_active=False)


def _switch(event: str, as_json: bool, *, is_active: bool) -> None:
    with answering(as_json=as_json) as answer, _content() as (service, store):
        from services.content.schemas.events import event_changes

        found = _find(store, event)
        if found.is_active != is_active:
            found = service.events.update(found.id, lambda stored: event_changes({"isActive": is_active}, stored))
        view = _event_view(found)
        answer.members["item"] = view
        answer.line(f"{view['slug']}: {_state(view)}")


@contextmanager
def _content() -> Iterator[tuple[ContentService, PeeweeContentStore]]:
    from deploy.cli.databases import opened_current
    from services.content.__main__ import SERVICE
    from services.content.repository.store import PeeweeContentStore
    from services.content.service.content import ContentService

    with opened_current(SERVICE) as (settings, database):
        store = PeeweeContentStore(database)
        yield ContentService(store, settings.service_secret), store


def _find(store: PeeweeContentStore, name: str) -> Event:
    from services.content.errors import EventNotFound
    from services.kit.core.failures import CommandFailed

    found = []
    for read in (store.events.get, store.events.get_by_slug):
        with suppress(EventNotFound):
            found.append(read(name))
    if not found:
        raise CommandFailed(f"there is no event {name!r}: flix event list shows them")
    if len({each.id for each in found}) > 1:
        by_id, by_slug = found
        raise CommandFailed(
            f"{name!r} is the id of one event and the slug of another: name {by_id.slug} or {by_slug.id}"
        )
    return found[0]


def _event_view(event: Event) -> dict[str, Any]:
    """Return the event without its access key."""
    from services.kit.core.instants import format_instant

    return {
        "id": event.id,
        "slug": event.slug,
        "title": event.title,
        "isActive": event.is_active,
        "visibility": event.visibility,
        "hasAccessKey": event.access_key is not None,
        "createdAt": format_instant(event.created_at),
        "updatedAt": format_instant(event.updated_at),
    }


def _lesson_view(lesson: Lesson) -> dict[str, Any]:
    from services.kit.core.instants import format_instant

    return {
        "id": lesson.id,
        "slug": lesson.slug,
        "title": lesson.title,
        "releaseAt": format_instant(lesson.release_at),
        "expiresAt": None if lesson.expires_at is None else format_instant(lesson.expires_at),
    }


def _state(event: dict[str, Any]) -> str:
    return f"{'open' if event['isActive'] else 'closed'}, {event['visibility']}"
