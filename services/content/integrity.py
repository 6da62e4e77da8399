"""The check of content's own rules; the kit checks the constraints of the tables."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import peewee

from services.content import rules
from services.content.entities import Event, FeedState, Lesson, Material
from services.content.migrations import MIGRATIONS
from services.content.models import EventRow, FormerEventSlugRow, FormerLessonSlugRow, LessonRow
from services.content.repository.inspection import ContentInspection, StoredForms
from services.content.repository.store import PeeweeContentStore
from services.kit.core.findings import Finding, Progress, Violation, violation_findings
from services.kit.core.instants import Clock, now
from services.kit.maintenance.examination import Examination
from services.kit.storage.batches import Table

CHANGES = "changes"
_STALE = {
    "slug_form": "only this spelling of its slug finds it: the release before wrote it",
    "search_form": "no search finds it, and by title it is in another place: the release before wrote it",
}

Record = TypeVar("Record", Event, Lesson, Material)


def examination(clock: Clock = now) -> Examination:
    """Return the examination of content's database."""

    def domain(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
        inspection = ContentInspection(database)
        progress.begin("events, lessons and materials", inspection.count())
        yield from _record_findings("events", inspection.events(), rules.event_violations, progress)
        yield from _record_findings("lessons", inspection.lessons(), rules.lesson_violations, progress)
        yield from _record_findings("materials", inspection.materials(), rules.material_violations, progress)
        yield from _change_findings(inspection, inspection.feed())

    def between(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
        inspection = ContentInspection(database)
        for table in (EventRow, LessonRow):
            yield from _form_findings(inspection, PeeweeContentStore(database, clock), table)
        for former in (FormerEventSlugRow, FormerLessonSlugRow):
            yield from _former_slug_findings(inspection, former)
        yield from _reader_findings(inspection.feed(), clock)

    def before_removal(database: peewee.Database, table: Table, row_id: str) -> None:
        changes = ContentInspection(database).removal(table, row_id)
        if changes:
            PeeweeContentStore(database, clock).changes.append(changes)

    return Examination(MIGRATIONS, domain, between, before_removal=before_removal)


def _record_findings(
    table: str,
    batches: Iterable[list[Record]],
    violations: Callable[[Record], Iterable[Violation]],
    progress: Progress,
) -> Iterator[Finding]:
    for batch in batches:
        for record in batch:
            yield from violation_findings(table, record.id, violations(record))
        progress.advance(len(batch))


def _form_findings(
    inspection: ContentInspection, store: PeeweeContentStore, table: type[EventRow | LessonRow]
) -> Iterator[Finding]:
    for row, stale in inspection.stale_forms(table):

        def renew(row: StoredForms = row) -> str:
            # From now on other responses to learners are right: the new change in the feed ends the remembered ones.
            with store.transaction():
                store.changes.append(inspection.renew_forms(table, row))
            return "stored its normal form"

        # A repair of the first renews both.
        yield Finding(table._meta.table_name, row.id, stale[0], _STALE[stale[0]], renew)


def _former_slug_findings(
    inspection: ContentInspection, table: type[FormerEventSlugRow | FormerLessonSlugRow]
) -> Iterator[Finding]:
    for row_id in inspection.taken_former_slugs(table):

        def remove(row_id: str = row_id) -> str:
            # No response to learners changes: the present slug was found before.
            inspection.remove_taken_former_slug(table, row_id)
            return "deleted it"

        message = "it is a present slug again: the release before, or another tool, wrote that"
        yield Finding(table._meta.table_name, row_id, "former_slug_taken", message, remove)


def _reader_findings(state: FeedState, clock: Clock) -> Iterator[Finding]:
    for reader, next_change in state.readers:
        yield from violation_findings(
            "feed_readers", reader.name, rules.reader_violations(reader, state.feed, next_change, clock())
        )


def _change_findings(inspection: ContentInspection, state: FeedState) -> Iterator[Finding]:
    feed = state.feed
    if state.last_change is not None and state.last_change > feed.last_sequence:
        message = f"the feed says that it ends at {feed.last_sequence}"
        yield Finding(CHANGES, str(state.last_change), "feed_end", message)
    if state.first_change is not None and state.first_change <= feed.pruned_through:

        def prune() -> str:
            return f"pruned {inspection.prune_leftovers()} changes"

        message = f"the feed says that it is pruned up to {feed.pruned_through}"
        yield Finding(CHANGES, str(state.first_change), "feed_pruned", message, prune)
    for first, last in state.gaps:
        missing = f"change {first} is" if first == last else f"changes {first} to {last} are"
        yield Finding(CHANGES, str(first), "feed_gap", f"{missing} missing")
