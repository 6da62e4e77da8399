"""The check of content's own rules; the kit checks what the tables promise by themselves."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import peewee

from services.content import rules
from services.content.entities import FeedState
from services.content.migrations import MIGRATIONS
from services.content.repository.inspection import ContentInspection
from services.content.repository.store import PeeweeContentStore
from services.kit.core.findings import Finding, Progress, Violation, violation_findings
from services.kit.core.instants import Clock, now
from services.kit.maintenance.examination import Examination
from services.kit.storage.batches import Table

CHANGES = "changes"


@dataclass(frozen=True)
class Samples:
    """To which record each sample belongs, by the seed's definitions."""

    event_of_lesson: Mapping[str, str]
    lesson_of_material: Mapping[str, str]


def examination(samples: Samples, clock: Clock = now) -> Examination:
    """What there is to check of content."""

    def domain(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
        inspection = ContentInspection(database)
        yield from _records(inspection, progress)
        yield from _misplaced_samples(inspection, samples)
        yield from _change_findings(inspection, inspection.feed())

    def between(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
        yield from _reader_findings(ContentInspection(database).feed(), clock)

    def before_removal(database: peewee.Database, table: Table, row_id: str) -> None:
        changes = ContentInspection(database).removal(table, row_id)
        PeeweeContentStore(database, clock).changes.append(changes)

    return Examination(MIGRATIONS, domain, between, before_removal=before_removal)


def _records(inspection: ContentInspection, progress: Progress) -> Iterator[Finding]:
    progress.begin("events, lessons and materials", inspection.count())
    yield from _judged("events", inspection.events(), rules.event_violations, progress)
    yield from _judged("lessons", inspection.lessons(), rules.lesson_violations, progress)
    yield from _judged("materials", inspection.materials(), rules.material_violations, progress)


def _judged(
    table: str, batches: Iterable[list[Any]], judge: Callable[[Any], Iterable[Violation]], progress: Progress
) -> Iterator[Finding]:
    for batch in batches:
        for record in batch:
            yield from violation_findings(table, record.id, judge(record))
        progress.advance(len(batch))


def _misplaced_samples(inspection: ContentInspection, samples: Samples) -> Iterator[Finding]:
    events = inspection.events_of(samples.event_of_lesson)
    yield from _misplaced("lessons", "event", events, samples.event_of_lesson)
    lessons = inspection.lessons_of(samples.lesson_of_material)
    yield from _misplaced("materials", "lesson", lessons, samples.lesson_of_material)


def _misplaced(table: str, parent: str, there: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Finding]:
    for sample_id, parent_id in sorted(there.items()):
        if parent_id != wanted[sample_id]:
            message = f"the sample of this id belongs to the {parent} {wanted[sample_id]}, this row to {parent_id}"
            yield Finding(table, sample_id, "sample_place", message)


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
