"""Quiz follows content: when an event or a lesson is deleted there, its quizzes are deleted here.

The position in content's feed and the effects of its changes are stored in one transaction: a crash neither skips nor
repeats an effect. Any number of followers may run: of two that have read the same changes, the second does nothing.
"""

from collections.abc import Sequence
from contextlib import suppress
from contextvars import Context
from typing import Protocol

from services.kit.core.errors import Unavailable
from services.kit.core.instants import Clock, now
from services.kit.core.logging import log
from services.quiz.entities import ContentChange, ContentKey, FeedHead, FeedPosition, LessonReference, QuizFilter
from services.quiz.errors import ContentIsEmpty, FeedPositionLost
from services.quiz.repository.contracts import QuizStore

CHANGES_AT_ONCE = 200
QUIZZES_AT_ONCE = 500
TOMBSTONES_AT_ONCE = 500


class Feed(Protocol):
    """The requests of the follower to content."""

    def feed(self) -> FeedHead:
        """Return the feed's id and end."""

    def changes(self, feed_id: str, after: int, limit: int, wait_seconds: int = 0) -> Sequence[ContentChange]:
        """Return the changes after the sequence `after`. Raise FeedPositionLost."""

    def missing(self, lessons: Sequence[LessonReference]) -> Sequence[LessonReference]:
        """Return the lessons that content does not have."""

    def present(self, keys: Sequence[ContentKey]) -> set[ContentKey]:
        """Return the events and lessons that content has."""


class Follower:
    """Applies content's changes. Its methods raise Unavailable when content does not respond."""

    def __init__(self, store: QuizStore, content: Feed, clock: Clock = now):
        self._store = store
        self._content = content
        self._clock = clock
        # The position that was read last; 0 before the first.
        self.sequence = 0

    def catch_up(self) -> int:
        """Apply every change of the feed so far, and return their number."""
        applied = 0
        while changes := self.step():
            applied += changes
        return applied

    def step(self, wait_seconds: int = 0) -> int:
        """Apply the next changes, waiting up to `wait_seconds` for the first, and return their number."""
        position = self._store.following.position()
        with suppress(FeedPositionLost):
            return self._apply_next(position, wait_seconds)
        compared = self._compare_everything(position)
        try:
            # Changes made during the comparison come after the end of the feed as it was read before.
            return compared + self._apply_next(self._store.following.position(), wait_seconds)
        except FeedPositionLost:
            raise Unavailable("Content's feed cannot be read from where it says that it ends") from None

    def _apply_next(self, position: FeedPosition | None, wait_seconds: int) -> int:
        if position is None:
            raise FeedPositionLost
        changes = self._content.changes(position.feed_id, position.sequence, CHANGES_AT_ONCE, wait_seconds)
        if changes:
            self._apply(position, changes)
        self.sequence = changes[-1].sequence if changes else position.sequence
        return len(changes)

    def _apply(self, read_from: FeedPosition, changes: Sequence[ContentChange]) -> None:
        with self._store.transaction():
            if not self._is_still_at(read_from):
                return
            self._remove_quizzes(_deleted(changes))
            self._store.following.remove_tombstones(_restored(changes))
            self._store.following.move(FeedPosition(read_from.feed_id, changes[-1].sequence), self._clock())

    def _compare_everything(self, read_from: FeedPosition | None) -> int:
        """Compare all quizzes with content, continue from the end of its feed, and return the number of changes read.

        The changes that the feed still has are read too: they name what was deleted while a quiz was made for it.
        """
        head = self._content.feed()
        if head.last_sequence == 0 and any(self._store.quizzes.references(1)):
            # Probably the wrong database or an empty one, not the deletion of every lesson.
            raise ContentIsEmpty
        changes = self._remaining_changes(head)
        log.info("content_compared", feed=head.feed_id, sequence=head.last_sequence)
        missing = [ContentKey("lesson", each.lesson_id) for each in self._missing_lessons()]
        gone = [*_deleted(changes), *missing]
        # A lesson that was created again after the end of the feed may have a new quiz.
        present = self._content.present(gone)
        self._remove_outdated_tombstones(read_from)
        with self._store.transaction():
            if self._is_still_at(read_from):
                self._remove_quizzes([each for each in gone if each not in present])
                self._store.following.move(FeedPosition(head.feed_id, head.last_sequence), self._clock())
        return len(changes)

    def _is_still_at(self, read_from: FeedPosition | None) -> bool:
        """Lock the position, and return whether no other follower has moved it."""
        return self._store.following.position(for_update=True) == read_from

    def _remove_outdated_tombstones(self, read_from: FeedPosition | None) -> None:
        # One transaction for each page: until the position moves, a crash only means that all pages are repeated.
        for tombstones in self._store.following.tombstones(TOMBSTONES_AT_ONCE):
            present = self._content.present(tombstones)
            with self._store.transaction():
                if not self._is_still_at(read_from):
                    return
                self._store.following.remove_tombstones(sorted(present, key=lambda each: (each.kind, each.id)))

    def _remaining_changes(self, head: FeedHead) -> list[ContentChange]:
        remaining: list[ContentChange] = []
        after = head.pruned_through
        while after < head.last_sequence:
            changes = self._content.changes(head.feed_id, after, CHANGES_AT_ONCE)
            if not changes:
                raise Unavailable("Content's feed does not go as far as it says")
            # Keep in memory only what creates or deletes an event or a lesson.
            remaining += [each for each in changes if each.kind != "material" and each.action != "changed"]
            after = changes[-1].sequence
        return remaining

    def _missing_lessons(self) -> list[LessonReference]:
        missing: list[LessonReference] = []
        for references in self._store.quizzes.references(QUIZZES_AT_ONCE):
            missing += self._content.missing(references)
        return missing

    def _remove_quizzes(self, gone: Sequence[ContentKey]) -> None:
        at = self._clock()
        self._store.following.add_tombstones(gone, at)
        for each in gone:
            which = QuizFilter(event_id=each.id) if each.kind == "event" else QuizFilter(lesson_id=each.id)
            # Run outside of the request that may have caused this: its actor did not delete these quizzes.
            if removed := Context().run(self._store.quizzes.remove_all, which, at):
                log.info("quizzes_followed_content", kind=each.kind, contentId=each.id, removed=removed)


def _deleted(changes: Sequence[ContentChange]) -> list[ContentKey]:
    """Return what is deleted after all of these changes; an id may have been created again."""
    return [each for each, action in _last_actions(changes).items() if action == "deleted"]


def _restored(changes: Sequence[ContentChange]) -> list[ContentKey]:
    return [each for each, action in _last_actions(changes).items() if action != "deleted"]


def _last_actions(changes: Sequence[ContentChange]) -> dict[ContentKey, str]:
    actions: dict[ContentKey, str] = {}
    for change in changes:
        if change.kind == "event":
            actions[ContentKey("event", change.event_id)] = change.action
        elif change.kind == "lesson" and change.lesson_id is not None:
            actions[ContentKey("lesson", change.lesson_id)] = change.action
    return actions
