"""Quiz follows content: what is gone there takes its quizzes with it here, whatever happens in between.

The place in content's feed and the effects of what was read are of one transaction: a crash neither skips nor
repeats an effect. Any number of followers may be at work; of two that have read the same, one finds itself late.
"""

from collections.abc import Sequence
from contextlib import suppress
from contextvars import Context
from typing import Protocol

from services.kit.core.errors import Unavailable
from services.kit.core.instants import Clock, now
from services.kit.core.logging import log
from services.quiz.entities import ContentChange, ContentKey, FeedHead, FeedPosition, LessonReference
from services.quiz.errors import ContentIsEmpty, FeedPositionLost
from services.quiz.repository.contracts import QuizFilter, QuizStore

CHANGES_AT_ONCE = 200
QUIZZES_AT_ONCE = 500
TOMBSTONES_AT_ONCE = 500


class Feed(Protocol):
    """What the follower asks content."""

    def feed(self) -> FeedHead:
        """Which feed it is, and how far it goes."""

    def changes(self, feed_id: str, after: int, limit: int, wait_seconds: int = 0) -> Sequence[ContentChange]:
        """The changes behind `after`; raises FeedPositionLost."""

    def missing(self, lessons: Sequence[LessonReference]) -> Sequence[LessonReference]:
        """Those that are not there."""

    def present(self, keys: Sequence[ContentKey]) -> set[ContentKey]:
        """Those that are there."""


class Follower:
    """Takes in what has happened in content. Its methods raise Unavailable when content does not answer."""

    def __init__(self, store: QuizStore, content: Feed, clock: Clock = now):
        self._store = store
        self._content = content
        self._clock = clock

    def catch_up(self) -> int:
        """Take in everything that content has told so far; how many changes."""
        taken = 0
        while changes := self.step():
            taken += changes
        return taken

    def step(self, wait_seconds: int = 0) -> int:
        """Take in the next changes, for the first of which content may wait so long; how many there were."""
        position = self._store.following.position()
        with suppress(FeedPositionLost):
            return self._read_on(position, wait_seconds)
        compared = self._compare_everything(position)
        try:
            # What happens while everything is compared is in the feed, behind the end that was seen before.
            return compared + self._read_on(self._store.following.position(), wait_seconds)
        except FeedPositionLost:
            raise Unavailable("Content's feed cannot be read from where it says that it ends") from None

    def _read_on(self, position: FeedPosition | None, wait_seconds: int) -> int:
        if position is None:
            raise FeedPositionLost
        changes = self._content.changes(position.feed_id, position.sequence, CHANGES_AT_ONCE, wait_seconds)
        self._take_in(position, changes)
        return len(changes)

    def _take_in(self, read_from: FeedPosition, changes: Sequence[ContentChange]) -> None:
        if not changes:
            return
        with self._store.transaction():
            if not self._is_still_at(read_from):
                return
            gone = _gone_after(changes)
            self._forget(gone)
            self._store.following.remove_tombstones(_back_after(changes))
            self._store.following.move(FeedPosition(read_from.feed_id, changes[-1].sequence), self._clock())

    def _compare_everything(self, read_from: FeedPosition | None) -> int:
        """Where the feed cannot be read on: ask which lessons are there, and go on from the feed's end.

        What the feed still tells is read as well: it names what has gone while a quiz for it was being made.
        """
        head = self._content.feed()
        if head.last_sequence == 0 and any(self._store.quizzes.references(1)):
            # More likely the wrong database, or one that is still to be filled, than the end of every lesson.
            raise ContentIsEmpty
        told = self._told(head)
        log.info("content_compared", feed=head.feed_id, sequence=head.last_sequence)
        missing = [ContentKey("lesson", each.lesson_id) for each in self._missing_lessons()]
        gone = [*_gone_after(told), *missing]
        # What has come back behind the feed's end may have a new quiz.
        back = self._content.present(gone)
        self._dig_up_what_is_there(read_from)
        with self._store.transaction():
            if self._is_still_at(read_from):
                self._forget([each for each in gone if each not in back])
                self._store.following.move(FeedPosition(head.feed_id, head.last_sequence), self._clock())
        return len(told)

    def _is_still_at(self, read_from: FeedPosition | None) -> bool:
        """Whether no other follower was faster, nor will be until the transaction ends."""
        return self._store.following.position(for_update=True) == read_from

    def _dig_up_what_is_there(self, read_from: FeedPosition | None) -> None:
        # A page at a time, each of a transaction of its own: while the place stays, all of this is done again.
        for buried in self._store.following.buried(TOMBSTONES_AT_ONCE):
            back = self._content.present(buried)
            with self._store.transaction():
                if not self._is_still_at(read_from):
                    return
                self._store.following.remove_tombstones(sorted(back, key=lambda each: (each.kind, each.id)))

    def _told(self, head: FeedHead) -> list[ContentChange]:
        told: list[ContentChange] = []
        after = head.pruned_through
        while after < head.last_sequence:
            changes = self._content.changes(head.feed_id, after, CHANGES_AT_ONCE)
            if not changes:
                raise Unavailable("Content's feed does not go as far as it says")
            # Only ends of lives matter, so that what is kept in memory is short.
            told += [each for each in changes if each.kind != "material" and each.action != "changed"]
            after = changes[-1].sequence
        return told

    def _missing_lessons(self) -> list[LessonReference]:
        missing: list[LessonReference] = []
        for references in self._store.quizzes.references(QUIZZES_AT_ONCE):
            missing += self._content.missing(references)
        return missing

    def _forget(self, gone: Sequence[ContentKey]) -> None:
        self._store.following.add_tombstones(gone, self._clock())
        for each in gone:
            which = QuizFilter(event_id=each.id) if each.kind == "event" else QuizFilter(lesson_id=each.id)
            # Whatever request has made it look, and for whomever: what it finds gone, others have deleted.
            if removed := Context().run(self._store.quizzes.remove_all, which):
                log.info("quizzes_followed_content", kind=each.kind, contentId=each.id, removed=removed)


def _gone_after(changes: Sequence[ContentChange]) -> list[ContentKey]:
    """What is gone when all of this has happened, in order; an id may have come back."""
    return [each for each, action in _last_actions(changes).items() if action == "deleted"]


def _back_after(changes: Sequence[ContentChange]) -> list[ContentKey]:
    return [each for each, action in _last_actions(changes).items() if action != "deleted"]


def _last_actions(changes: Sequence[ContentChange]) -> dict[ContentKey, str]:
    actions: dict[ContentKey, str] = {}
    for change in changes:
        if change.kind == "event":
            actions[ContentKey("event", change.event_id)] = change.action
        elif change.kind == "lesson" and change.lesson_id is not None:
            actions[ContentKey("lesson", change.lesson_id)] = change.action
    return actions
