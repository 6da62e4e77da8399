"""The rules of content (docs/contract/BEHAVIOUR.md)."""

import hashlib
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.content import rules
from services.content.entities import Event, Lesson, Visibility
from services.content.errors import InvalidWindow
from services.kit.core.texts import as_seen, lower_form
from services.kit.web.tokens.grants import Grant
from tests.clock import HOUR, MILLISECOND, NOON, SECOND
from tests.content.examples import SECRET, a_lesson, an_event, event_changes, lesson_changes

instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(
    lambda each: each.replace(microsecond=each.microsecond // 1000 * 1000, tzinfo=UTC)
)
milliseconds = st.integers(0, 10**12).map(lambda count: count * MILLISECOND)
durations = st.integers(1, 10**12).map(lambda count: count * MILLISECOND)
optional_texts = st.none() | st.text(max_size=5)
keys = st.text(min_size=1, max_size=8)


def lesson_with_window(release_at: datetime, expires_at: datetime | None = None) -> Lesson:
    """Return a lesson with that window."""
    return a_lesson(release_at=release_at, expires_at=expires_at)


# Slugs


@pytest.mark.parametrize(
    ("slug", "of_event", "of_lesson"),
    [
        ("launch-2026", True, True),
        ("launch---march", True, True),
        ("-launch", False, True),
        ("Launch", False, False),
        ("cafe\u0301", False, True),
        (" first", False, False),
        ("first/second", False, False),
    ],
)
def test_slugs_that_were_legal_once_may_stay_stored(slug: str, of_event: bool, of_lesson: bool) -> None:
    assert (rules.may_be_event_slug(slug), rules.may_be_lesson_slug(slug)) == (of_event, of_lesson)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_addressable_lesson_slug_comes_back_from_its_address(text: str) -> None:
    slug = lower_form(text)
    address = f"https://flix.example/lessons/{quote(slug, safe='')}/quiz"
    assert unquote(urlsplit(address).path.split("/")[2]) == slug
    assert rules.is_addressable(slug) == (not re.search(r"[/\t\r\n]", slug))


# Fields and changes


@given(optional_texts, optional_texts, optional_texts)
def test_descriptions_are_never_missing(description: str | None, short: str | None, long: str | None) -> None:
    expected = short if short is not None else description if description is not None else ""
    assert rules.descriptions(description, short, long) == (expected, long if long is not None else expected)


@pytest.mark.parametrize(
    "changes", [{"release_at": NOON + HOUR}, {"expires_at": NOON - HOUR}, {"release_at": NOON, "expires_at": NOON}]
)
def test_the_window_must_hold_after_an_update(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidWindow):
        rules.changed_lesson(a_lesson(), lesson_changes(**changes)(a_lesson()), NOON)


@given(instants, durations)
def test_a_lesson_may_expire_any_time_after_its_release(release_at: datetime, duration: timedelta) -> None:
    rules.check_window(release_at, None)
    rules.check_window(release_at, release_at + duration)


@given(instants, milliseconds)
def test_a_lesson_must_expire_later_than_its_release(release_at: datetime, duration: timedelta) -> None:
    with pytest.raises(InvalidWindow) as refusal:
        rules.check_window(release_at, release_at - duration)
    assert refusal.value.envelope("r") == {
        "error": "LESSON_INVALID_WINDOW",
        "message": "expiresAt must be later than releaseAt",
        "requestId": "r",
    }


# The status of lessons


@given(instants, durations, st.integers(-(10**12), 10**12).map(lambda count: count * MILLISECOND))
def test_every_moment_is_before_inside_or_after_the_window(
    release_at: datetime, duration: timedelta, since_release: timedelta
) -> None:
    now, zero = release_at + since_release, timedelta(0)
    expected = "locked" if since_release < zero else "released" if since_release < duration else "expired"
    assert rules.lesson_status(lesson_with_window(release_at, release_at + duration), now) == expected
    assert rules.lesson_status(lesson_with_window(release_at), now) == expected.replace("expired", "released")
    assert (expected == "locked") == (rules.seconds_until(release_at, now) > 0)


@given(st.integers(-(10**11), 10**11) | st.sampled_from([-1, 0, 1, 999, 1000, 1001]))
def test_the_seconds_until_an_instant_are_rounded_up(remaining: int) -> None:
    assert rules.seconds_until(NOON + remaining * MILLISECOND, NOON) == max(0, math.ceil(remaining / 1000))


# The order of lessons


def test_lessons_are_ordered_by_release_then_creation_then_id() -> None:
    in_order = [
        a_lesson(id="z", release_at=NOON, created_at=NOON + HOUR),
        a_lesson(id="y", release_at=NOON + MILLISECOND, created_at=NOON - MILLISECOND),
        a_lesson(id="a", release_at=NOON + MILLISECOND, created_at=NOON),
        a_lesson(id="b", release_at=NOON + MILLISECOND, created_at=NOON),
    ]
    assert sorted([in_order[place] for place in (3, 1, 0, 2)], key=lambda lesson: lesson.release_order) == in_order


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=8))
def test_previous_and_next_follow_the_order_of_the_list(places: list[tuple[int, int]]) -> None:
    lessons = sorted(
        (
            a_lesson(id=str(number), release_at=NOON + released * SECOND, created_at=NOON + created * SECOND)
            for number, (released, created) in enumerate(places)
        ),
        key=lambda lesson: lesson.release_order,
    )
    expected = list(zip([None, *lessons[:-1]], [*lessons[1:], None], strict=True))
    assert [rules.neighbours(lessons, lesson) for lesson in lessons] == expected
    # A lesson that has just been deleted keeps its neighbours.
    assert [rules.neighbours([*lessons[:at], *lessons[at + 1 :]], each) for at, each in enumerate(lessons)] == expected


# Access keys


@given(keys | st.none(), keys | st.none())
def test_a_public_event_opens_with_any_key_and_with_none(event_key: str | None, key: str | None) -> None:
    assert rules.opens_for(an_event(visibility="public", access_key=event_key, is_active=False), key)


@given(keys, keys | st.none() | st.just(""))
def test_a_private_event_opens_with_its_own_key_only(event_key: str, key: str | None) -> None:
    event = an_event(visibility="private", access_key=event_key)
    assert rules.opens_for(event, key) == (as_seen(key or "") == as_seen(event_key) != "")
    assert rules.opens_for(event, event_key) == (as_seen(event_key) != "")
    assert not rules.opens_for(an_event(visibility="private", access_key=None), key)
    assert not rules.opens_for(None, key)


@pytest.mark.parametrize("key", ["Let-me-in", "let-me-i", "let-me-inn", "", "None", None, "clé-é", "🔑"])
def test_a_key_that_is_almost_right_is_wrong(key: str | None) -> None:
    assert not rules.opens_for(an_event(visibility="private", access_key="let-me-in"), key)


@pytest.mark.parametrize("text", ["l", "let-me-i", "let-me-in", "let-me-inn", "x" * 64])
def test_every_guess_costs_the_same(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    # Counted instead of timed: every guess is hashed once, and so is the key; then the digests are compared.
    hashed = []
    sha256 = hashlib.sha256

    def counted(text: bytes) -> Any:
        hashed.append(text)
        return sha256(text)

    monkeypatch.setattr(hashlib, "sha256", counted)
    events = [an_event(visibility="private", access_key=key) for key in ("let-me-in", None)]
    for event in (*events, None):
        rules.opens_for(event, text)
    assert hashed == [key for right in (b"let-me-in", b"", b"") for key in (right, text.encode())]


@pytest.mark.parametrize(
    "stored", ["café-key", " cafe\u0301-key\ufeff", "\u200bcafé-key\u200f\u00a0", "\u2060café-key\ufe0f"]
)
@pytest.mark.parametrize(
    "typed", ["café-key", "cafe\u0301-key", "\ufeffcafé-key", "\u200ecafé-key\u200b ", "\tcafé-key\u2061"]
)
def test_keys_that_look_the_same_open_the_event(stored: str, typed: str) -> None:
    assert rules.opens_for(an_event(visibility="private", access_key=stored), typed)


@pytest.mark.parametrize("typed", ["let\u200bme-in", "let-me\u200d-in", "letme-in"])
def test_what_is_invisible_inside_a_key_counts(typed: str) -> None:
    assert not rules.opens_for(an_event(visibility="private", access_key="let-me-in"), typed)


@pytest.mark.parametrize("key", ["", " ", "\u200b" * 6, "\ufeff\u200e\u3164\u2060\u00ad\ufe0f"])
def test_a_key_of_nothing_visible_opens_for_nobody(key: str) -> None:
    for typed in (key, "", None, "\u200b"):
        assert not rules.opens_for(an_event(visibility="private", access_key=key), typed)


@pytest.mark.parametrize(
    ("stored", "sent", "kept"),
    [
        ("\u200blet-me-in\ufeff", "let-me-in", "\u200blet-me-in\ufeff"),
        ("cafe\u0301-key", "café-key", "cafe\u0301-key"),
        ("let-me-in", "let-me-out", "let-me-out"),
        (None, "let-me-in", "let-me-in"),
        ("let-me-in", None, None),
    ],
)
def test_a_key_that_looks_like_the_stored_one_is_no_new_key(
    stored: str | None, sent: str | None, kept: str | None
) -> None:
    event = an_event(visibility="private", access_key=stored)
    changed = rules.changed_event(event, event_changes(access_key=sent)(event), NOON)
    assert changed.access_key == kept
    assert (rules.fingerprint(changed, SECRET) == rules.fingerprint(event, SECRET)) == (kept == stored)


# Grants

PRIVATE_OR_PUBLIC: st.SearchStrategy[Visibility] = st.sampled_from(["private", "public"])
EVENTS = st.builds(
    lambda id, visibility, key: an_event(id=id, visibility=visibility, access_key=key),
    st.sampled_from(["event-1", "event-2", 'event-1","private']),
    PRIVATE_OR_PUBLIC,
    st.sampled_from(["let-me-in", "let-me-out", ""]) | st.none(),
)


def grant_of(event: Event, secret: str = SECRET) -> Grant:
    """Return the grant of the event."""
    return Grant(event.id, rules.fingerprint(event, secret))


@given(EVENTS, EVENTS)
def test_a_grant_opens_its_own_event_with_its_own_key_only(given_for: Event, shown_to: Event) -> None:
    is_the_same = given_for == shown_to and shown_to.access_key is not None
    expected = shown_to.visibility == "public" or is_the_same
    assert rules.opens_by_grant(shown_to, grant_of(given_for), SECRET) == expected


def test_a_grant_needs_the_id_and_the_fingerprint_of_one_event() -> None:
    one, other = (an_event(id=id, visibility="private", access_key="let-me-in") for id in ("event-1", "event-2"))
    assert not rules.opens_by_grant(one, Grant(one.id, rules.fingerprint(other, SECRET)), SECRET)
    assert not rules.opens_by_grant(one, Grant(other.id, rules.fingerprint(one, SECRET)), SECRET)


@given(keys)
def test_a_fingerprint_depends_on_the_services_secret(key: str) -> None:
    event = an_event(visibility="private", access_key=key)
    fingerprint = rules.fingerprint(event, SECRET)
    assert re.fullmatch("[0-9a-f]{64}", fingerprint)
    assert fingerprint != rules.fingerprint(event, "another secret that is long enough too")
    assert fingerprint != hashlib.sha256(key.encode()).hexdigest()
    assert not rules.opens_by_grant(event, grant_of(event, "another secret that is long enough too"), SECRET)


def test_a_grant_of_a_public_event_ends_when_it_becomes_private() -> None:
    public = [an_event(visibility="public", access_key=key) for key in (None, "let-me-in")]
    assert rules.fingerprint(public[0], SECRET) == rules.fingerprint(public[1], SECRET)
    for key in (None, "let-me-in"):
        assert not rules.opens_by_grant(an_event(visibility="private", access_key=key), grant_of(public[0]), SECRET)
