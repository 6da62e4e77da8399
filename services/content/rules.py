"""The rules of content, as BEHAVIOUR.md states them. No clock, no storage, no HTTP."""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson

from services.content.entities import (
    Access,
    AccessStatus,
    ChangeFeed,
    Event,
    FeedReader,
    Lesson,
    LessonStatus,
    Material,
    VideoProvider,
)
from services.content.errors import FeedPositionLost, InvalidWindow
from services.kit.core.findings import Violation
from services.kit.web.schemas import is_web_address
from services.kit.web.tokens.grants import Grant

ACCESS_MESSAGES: Mapping[AccessStatus, str] = {
    "released": "Lesson is available",
    "locked": "Lesson is not released yet",
    "expired": "Lesson access has expired",
    "blocked_private": "Private event access is required",
}

EMBED_ADDRESSES: Mapping[VideoProvider, str] = {
    "youtube": "https://www.youtube-nocookie.com/embed/",
    "vimeo": "https://player.vimeo.com/video/",
    "gemini_stream": "https://stream.gemini.google/embed/",
}

# Changes stay at least so long, read or not: who has lost the thread looks up in them what is gone.
CHANGES_KEPT = timedelta(days=7)
# A reader that is up takes a change in within two seconds.
FEED_LAG_LIMIT = timedelta(minutes=1)

# What the service secret is used for here: it signs other things too.
_FINGERPRINT = "fingerprint of an access key"

_OUTSIDE_SLUG = re.compile(r"[^a-z0-9-]+")


def event_slug(text: str) -> str:
    """The slug that a text becomes, possibly empty: every run of foreign characters is one hyphen, none at the ends."""
    return _OUTSIDE_SLUG.sub("-", text.strip().lower()).strip("-")


def lesson_slug(text: str) -> str:
    """A lesson's slug is kept as it was written, trimmed and in lower case."""
    return text.strip().lower()


def descriptions(fields: Mapping[str, Any]) -> dict[str, str]:
    """The short and long description of a new event, each falling back to the next best text that was given."""
    short = _first_given(fields.get("short_description"), fields.get("description"))
    return {
        "short_description": short,
        "long_description": _first_given(fields.get("long_description"), short),
    }


def changed_event(event: Event, changes: Mapping[str, Any], now: datetime) -> Event:
    """The event after a partial update; `description` alone changes the short description, which it equals."""
    fields = dict(changes)
    description = fields.pop("description", None)
    if description is not None:
        fields.setdefault("short_description", description)
    return replace(event, **fields, updated_at=now, version=event.version + 1)


def changed_lesson(lesson: Lesson, changes: Mapping[str, Any], now: datetime) -> Lesson:
    """The lesson after a partial update; raises InvalidWindow."""
    changed = replace(lesson, **changes, updated_at=now, version=lesson.version + 1)
    check_window(changed.release_at, changed.expires_at)
    return changed


def check_window(release_at: datetime, expires_at: datetime | None) -> None:
    """Raises InvalidWindow unless the lesson closes later than it opens."""
    if expires_at is not None and expires_at <= release_at:
        raise InvalidWindow


def lesson_status(lesson: Lesson, now: datetime) -> LessonStatus:
    """Locked before the release, expired from the expiry on, else released."""
    if lesson.release_at > now:
        return "locked"
    if lesson.expires_at is not None and lesson.expires_at <= now:
        return "expired"
    return "released"


def seconds_until(instant: datetime, now: datetime) -> int:
    """The remaining seconds, rounded up; 0 when past."""
    return max(0, -((now - instant) // timedelta(seconds=1)))


def opens_for(event: Event | None, access_key: str | None) -> bool:
    """Whether the key lets its bearer in; a private event without a key, and no event at all, open for nobody."""
    if event is not None and event.visibility == "public":
        return True
    right_key = event.access_key if event is not None else None
    # Digests are of one length: the comparison takes as long for any guess, and for an event that has no key, so that
    # its time tells a guesser neither how much of the key is right nor whether there is one.
    equal = hmac.compare_digest(_digest(right_key), _digest(access_key))
    return equal and right_key is not None and access_key is not None


def opens_by_grant(event: Event, grant: Grant, secret: str) -> bool:
    """Whether the grant opens the event: it is the event's, and was given for the key that the event has now."""
    if event.visibility == "public":
        return True
    is_present = hmac.compare_digest(fingerprint(event, secret).encode(), grant.fingerprint.encode())
    return is_present and grant.event_id == event.id and event.access_key is not None


def fingerprint(event: Event, secret: str) -> str:
    """What a grant of the event says of its key: without the services' secret nobody can guess from it (RFC 2104).

    A public event shows its key to nobody, so that its grants say nothing of one: they end when it becomes private.
    """
    access_key = event.access_key if event.visibility == "private" else None
    named = orjson.dumps([_FINGERPRINT, event.id, event.visibility, access_key])
    return hmac.new(secret.encode(), named, hashlib.sha256).hexdigest()


def access_to(lesson: Lesson, now: datetime) -> Access:
    """The judgement on a lesson of an event that is open to the caller."""
    return Access(lesson_status(lesson, now), lesson, now)


def blocked(now: datetime) -> Access:
    """The judgement on any lesson, known or not, of an event that is not open to the caller."""
    return Access("blocked_private", None, now)


def neighbours(lessons: Sequence[Lesson], lesson: Lesson) -> tuple[Lesson | None, Lesson | None]:
    """The lessons right before and right after it, of those given in order of release."""
    before = [each for each in lessons if release_order(each) < release_order(lesson)]
    after = [each for each in lessons if release_order(each) > release_order(lesson)]
    return (before[-1] if before else None), (after[0] if after else None)


def release_order(lesson: Lesson) -> tuple[datetime, datetime, str]:
    """What lessons are sorted by: release, then creation, then id."""
    return (lesson.release_at, lesson.created_at, lesson.id)


def embed_url(provider: VideoProvider, video_id: str) -> str:
    """The address that a player loads."""
    return EMBED_ADDRESSES[provider] + quote(video_id, safe="/?=&-")


def check_position(feed: ChangeFeed, feed_id: str | None, after: int) -> None:
    """Raises FeedPositionLost unless that feed can be read on from there without missing a change."""
    if feed_id not in (None, feed.feed_id) or not feed.pruned_through <= after <= feed.last_sequence:
        raise FeedPositionLost


def prunable_through(feed: ChangeFeed, readers: Sequence[FeedReader], first_kept: int | None) -> int:
    """Up to where the feed may be pruned: never ahead of its slowest reader, nor to `first_kept` (None: to its end)."""
    oldest_kept = feed.last_sequence + 1 if first_kept is None else first_kept
    return min([oldest_kept - 1, *(reader.position for reader in readers)])


# What a stored record must be, besides what its table's own constraints hold.


def event_violations(event: Event) -> Iterator[Violation]:
    """The rules that a stored event breaks."""
    if event_slug(event.slug) != event.slug:
        yield "event_slug_form", "the slug is not in its normal form: no address names it"
    for name, address in (("logo_url", event.logo_url), ("highlight_video_url", event.highlight_video_url)):
        if address is not None and not is_web_address(address):
            yield "event_link", f"{name} is no http or https address"


def lesson_violations(lesson: Lesson) -> Iterator[Violation]:
    """The rules that a stored lesson breaks."""
    if lesson_slug(lesson.slug) != lesson.slug or not is_addressable(lesson.slug):
        yield "lesson_slug_form", "the slug is not in its normal form: no address names it"


def material_violations(material: Material) -> Iterator[Violation]:
    """The rules that a stored material breaks."""
    if not is_web_address(material.download_url):
        yield "material_link", "download_url is no http or https address"


def reader_violations(
    reader: FeedReader, feed: ChangeFeed, next_change: datetime | None, now: datetime
) -> Iterator[Violation]:
    """The rules that a reader's place in the feed breaks; what it has to take in next happened at `next_change`."""
    if reader.position > feed.last_sequence:
        yield "reader_position", f"it is at {reader.position}, and the feed ends at {feed.last_sequence}"
    elif reader.position < feed.pruned_through:
        yield "reader_position", f"it is at {reader.position}, and changes up to {feed.pruned_through} are pruned"
    elif next_change is not None and now - next_change > FEED_LAG_LIMIT:
        behind, minutes = feed.last_sequence - reader.position, (now - next_change) // timedelta(minutes=1)
        yield "feed_lag", f"it is {behind} changes behind, for {minutes} minutes: is its follower running?"


def is_addressable(slug: str) -> bool:
    """Whether an address can name a lesson of this slug."""
    return not any(each in slug for each in "/\t\r\n")


def _digest(access_key: str | None) -> bytes:
    return hashlib.sha256((access_key or "").encode()).digest()


def _first_given(*texts: str | None) -> str:
    return next((text for text in texts if text is not None), "")
