"""The rules of content (docs/contract/BEHAVIOUR.md): pure functions, without a clock, storage or HTTP."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from services.content.entities import (
    AccessStatus,
    Branding,
    ChangeFeed,
    Event,
    EventChanges,
    FeedReader,
    Lesson,
    LessonChanges,
    LessonStatus,
    Material,
)
from services.content.errors import FeedPositionLost, InvalidWindow
from services.content.videos import embeds_nothing
from services.kit.core.findings import Violation
from services.kit.core.texts import as_seen, is_web_address, lower_form, slug_form
from services.kit.core.unset import UNSET
from services.kit.web.tokens.grants import Grant

ACCESS_MESSAGES: Mapping[AccessStatus, str] = {
    "released": "Lesson is available",
    "locked": "Lesson is not released yet",
    "expired": "Lesson access has expired",
    "blocked_private": "Private event access is required",
}

# The least age of a pruned change, even when every reader has processed it: a reader that lost its position reads the
# stored changes to find deletions.
CHANGES_KEPT = timedelta(days=7)
# A running reader processes a change within two seconds.
FEED_LAG_LIMIT = timedelta(minutes=1)

# A key that was replaced less than this ago is stale: it opens nothing, and does not count as a guess.
STALE_FOR = timedelta(days=1)

# Separate these uses of the service secret from its other uses.
_FINGERPRINT = "fingerprint of an access key"
_DIGEST = "digest of an access key that was sent or replaced"

_STORED_EVENT_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def may_be_event_slug(slug: str) -> bool:
    """Return whether an event may be stored with this slug. Earlier releases allowed several hyphens in a row."""
    return _STORED_EVENT_SLUG.fullmatch(slug) is not None


def may_be_lesson_slug(slug: str) -> bool:
    """Return whether a lesson may be stored with this slug. Earlier releases required no normal form of Unicode."""
    return slug == slug.strip().lower() and is_addressable(slug)


def is_former_event_slug(typed: str, event: Event) -> bool:
    """Return whether the slug that found the event is one that it had before, and no spelling of its present one."""
    return _is_former_slug(typed, event.slug, slug_form)


def is_former_lesson_slug(typed: str, lesson: Lesson) -> bool:
    """Return whether the slug that found the lesson is one that it had before, and no spelling of its present one."""
    return _is_former_slug(typed, lesson.slug, lower_form)


def _is_former_slug(typed: str, present: str, form_of: Callable[[str], str]) -> bool:
    return present not in (typed, typed.strip().lower()) and form_of(typed) != form_of(present)


class Descriptions(NamedTuple):
    """The two descriptions of an event."""

    short: str
    long: str


def descriptions(description: str | None, short: str | None, long: str | None) -> Descriptions:
    """Return the descriptions of a new event: the short one falls back on `description`, the long one on the short."""
    short = _first_given(short, description)
    return Descriptions(short, _first_given(long, short))


def changed_event(event: Event, changes: EventChanges, now: datetime) -> Event:
    """Return the event after a partial update. Grants stay valid under a key that looks like the stored one."""
    if isinstance(changes.access_key, str) and as_seen(changes.access_key) == as_seen(event.access_key or ""):
        changes = replace(changes, access_key=UNSET)
    return replace(event, **_set_fields(changes), updated_at=now, version=event.version + 1)


def branded_event(event: Event, branding: Branding, now: datetime) -> Event:
    """Return the event with a generated look."""
    return replace(event, **asdict(branding), branding_generated_at=now, updated_at=now, version=event.version + 1)


def changed_lesson(lesson: Lesson, changes: LessonChanges, now: datetime) -> Lesson:
    """Return the lesson after a partial update. Raise InvalidWindow."""
    changed = replace(lesson, **_set_fields(changes), updated_at=now, version=lesson.version + 1)
    check_window(changed.release_at, changed.expires_at)
    return changed


def check_window(release_at: datetime, expires_at: datetime | None) -> None:
    """Raise InvalidWindow unless the lesson expires later than it is released."""
    if expires_at is not None and expires_at <= release_at:
        raise InvalidWindow


def lesson_status(lesson: Lesson, now: datetime) -> LessonStatus:
    """Return `locked` before the release, `expired` from the expiry on, else `released`."""
    if lesson.release_at > now:
        return "locked"
    if lesson.expires_at is not None and lesson.expires_at <= now:
        return "expired"
    return "released"


class Interval(NamedTuple):
    """The instants from `since` until before `until`; None where there is no bound."""

    since: datetime | None
    until: datetime | None


def steady_between(lessons: Sequence[Lesson], now: datetime) -> Interval:
    """Return the interval around `now` in which no status of these lessons changes."""
    changes = {lesson.release_at for lesson in lessons}
    changes |= {lesson.expires_at for lesson in lessons if lesson.expires_at is not None}
    past, coming = [each for each in changes if each <= now], [each for each in changes if each > now]
    return Interval(max(past, default=None), min(coming, default=None))


def counting_between(lesson: Lesson, now: datetime) -> Interval:
    """Return the interval around `now` in which neither the lesson's status nor `seconds_until` its release changes."""
    steady = steady_between([lesson], now)
    seconds = seconds_until(lesson.release_at, now)
    if seconds == 0:
        return steady
    begin = lesson.release_at - timedelta(seconds=seconds)
    return Interval(begin, min(filter(None, (steady.until, begin + timedelta(seconds=1)))))


def seconds_until(instant: datetime, now: datetime) -> int:
    """Return the seconds from now until the instant, rounded up; 0 when it is past."""
    return max(0, -((now - instant) // timedelta(seconds=1)))


def opens_for(event: Event | None, access_key: str | None) -> bool:
    """Return whether the key opens the event. Keys that look alike are the same key.

    Nothing opens an unknown event, or a private one without a visible key.
    """
    if event is not None and event.visibility == "public":
        return True
    right_key = as_seen((event.access_key if event is not None else None) or "")
    # Digests have one length, so the comparison takes equally long for every guess and for an event without a key: its
    # time tells a guesser neither how much of the key is right nor whether there is one.
    equal = hmac.compare_digest(_digest(right_key), _digest(as_seen(access_key or "")))
    return equal and right_key != ""


def opens_by_grant(event: Event, grant: Grant, secret: str) -> bool:
    """Return whether the grant opens the event: it names the event and the event's present key."""
    if event.visibility == "public":
        return True
    is_present = hmac.compare_digest(fingerprint(event, secret).encode(), grant.fingerprint.encode())
    return is_present and grant.event_id == event.id and event.access_key is not None


def fingerprint(event: Event, secret: str) -> str:
    """Return the fingerprint by which a grant names the event's present key (an HMAC, RFC 2104).

    Without the services' secret nobody can guess the key from it. The grants of a public event name no key: they end
    when the event becomes private.
    """
    access_key = event.access_key if event.visibility == "private" else None
    named = orjson.dumps([_FINGERPRINT, event.id, event.visibility, access_key])
    return hmac.new(secret.encode(), named, hashlib.sha256).hexdigest()


def key_digest(event_id: str, access_key: str, secret: str) -> str:
    """Return the keyed digest (HMAC) of a key sent for an event, of 32 hex digits; keys that look alike share it."""
    named = orjson.dumps([_DIGEST, event_id, as_seen(access_key)])
    return hmac.new(secret.encode(), named, hashlib.sha256).hexdigest()[:32]


def replaced_key(before: Event, after: Event) -> str | None:
    """Return the access key that the change of an event replaced, None when the key still is as it was."""
    key = before.access_key
    return None if key is None or as_seen(key) == as_seen(after.access_key or "") else key


def neighbours(lessons: Sequence[Lesson], lesson: Lesson) -> tuple[Lesson | None, Lesson | None]:
    """Return the lessons right before and right after it; `lessons` are in order of release."""
    before = [each for each in lessons if each.release_order < lesson.release_order]
    after = [each for each in lessons if each.release_order > lesson.release_order]
    return (before[-1] if before else None), (after[0] if after else None)


def check_position(feed: ChangeFeed, feed_id: str | None, after: int) -> None:
    """Raise FeedPositionLost unless the feed can be read from that position without missing a change."""
    if feed_id not in (None, feed.feed_id) or not feed.pruned_through <= after <= feed.last_sequence:
        raise FeedPositionLost


def prunable_through(feed: ChangeFeed, readers: Sequence[FeedReader], first_kept: int | None) -> int:
    """Return the number up to which the feed may be pruned: never beyond its slowest reader.

    `first_kept` is the first change that is too young; None when all are old enough.
    """
    oldest_kept = feed.last_sequence + 1 if first_kept is None else first_kept
    return min([oldest_kept - 1, *(reader.position for reader in readers)])


# The rules of stored records, besides the constraints of their tables.


def event_violations(event: Event) -> Iterator[Violation]:
    """Yield the rules that a stored event breaks."""
    if event.slug and not may_be_event_slug(event.slug):
        yield "event_slug_form", "the slug is not of letters from a to z, digits and hyphens between them"
    for name, address in (("logo_url", event.logo_url), ("highlight_video_url", event.highlight_video_url)):
        if address is not None and not is_web_address(address):
            yield "event_link", f"{name} is no http or https address"


def lesson_violations(lesson: Lesson) -> Iterator[Violation]:
    """Yield the rules that a stored lesson breaks."""
    if not may_be_lesson_slug(lesson.slug):
        yield "lesson_slug_form", "the slug is not trimmed and in lower case, or has a slash or a line break"
    if embeds_nothing(lesson.video_id):
        yield "lesson_video", "the video id is an address or a path, so that no player loads it: write the id alone"


def material_violations(material: Material) -> Iterator[Violation]:
    """Yield the rules that a stored material breaks."""
    if not is_web_address(material.download_url):
        yield "material_link", "download_url is no http or https address"


def reader_violations(
    reader: FeedReader, feed: ChangeFeed, next_change: datetime | None, now: datetime
) -> Iterator[Violation]:
    """Yield the rules that a reader's position breaks; `next_change` is the time of the first change after it."""
    if reader.position > feed.last_sequence:
        yield "reader_position", f"it is at {reader.position}, and the feed ends at {feed.last_sequence}"
    elif reader.position < feed.pruned_through:
        yield "reader_position", f"it is at {reader.position}, and changes up to {feed.pruned_through} are pruned"
    elif next_change is not None and now - next_change > FEED_LAG_LIMIT:
        lag, minutes = feed.last_sequence - reader.position, (now - next_change) // timedelta(minutes=1)
        yield "feed_lag", f"it is {lag} changes behind, for {minutes} minutes: is its follower running?"


def is_addressable(slug: str) -> bool:
    """Return whether an address can name a lesson of this slug."""
    return not any(each in slug for each in "/\t\r\n")


def _digest(access_key: str) -> bytes:
    return hashlib.sha256(access_key.encode()).digest()


def _first_given(*texts: str | None) -> str:
    return next((text for text in texts if text is not None), "")


def _set_fields(changes: EventChanges | LessonChanges) -> dict[str, Any]:
    values = {field.name: getattr(changes, field.name) for field in fields(changes)}
    return {name: value for name, value in values.items() if value is not UNSET}
