"""The rules of content, named after the sentences of BEHAVIOUR.md."""

import hashlib
import math
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.content import rules
from services.content.entities import Access, AccessStatus, Event, Lesson, VideoProvider, Visibility
from services.content.errors import InvalidWindow
from services.kit.web.tokens.grants import Grant
from tests.clock import HOUR, MILLISECOND, NOON, SECOND
from tests.content.examples import SECRET, a_lesson, an_event

instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(
    lambda each: each.replace(microsecond=each.microsecond // 1000 * 1000, tzinfo=UTC)
)
milliseconds = st.integers(0, 10**12).map(lambda count: count * MILLISECOND)
durations = st.integers(1, 10**12).map(lambda count: count * MILLISECOND)
optional_texts = st.none() | st.text(max_size=5)
keys = st.text(min_size=1, max_size=8)


def lesson_open(release_at: datetime, expires_at: datetime | None = None) -> Lesson:
    """A lesson with that window."""
    return a_lesson(release_at=release_at, expires_at=expires_at)


# Events: the slug


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("launch", "launch"),
        ("  Launch 2026  ", "launch-2026"),
        ("Launch___of & the\tyear", "launch-of-the-year"),
        ("--launch--", "launch"),
        ("!launch!", "launch"),
        ("a--b", "a--b"),
        ("a -- b", "a----b"),
        ("Žluťoučký kůň", "lu-ou-k-k"),
        ("ÉCOLE", "cole"),
        ("evento-número-1", "evento-n-mero-1"),
        ("a/b?c#d%e", "a-b-c-d-e"),
        ("١٢٣", ""),
        ("---", ""),
        ("!!!", ""),
        ("", ""),
    ],
)
def test_the_slug_is_trimmed_lower_cased_and_every_run_of_other_characters_becomes_one_hyphen(
    text: str, slug: str
) -> None:
    assert rules.event_slug(text) == slug


@given(st.text())
def test_a_slug_holds_only_a_to_z_digits_and_hyphens_and_none_at_its_ends(text: str) -> None:
    assert re.fullmatch(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?)?", rules.event_slug(text), re.ASCII)


@given(st.text())
def test_normalising_a_slug_again_changes_nothing(text: str) -> None:
    assert rules.event_slug(rules.event_slug(text)) == rules.event_slug(text)


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", fullmatch=True))
def test_what_is_a_slug_already_stays_as_it_is(slug: str) -> None:
    assert rules.event_slug(slug) == slug


@given(st.text(), st.sampled_from(["", " ", "\n\t ", "!", "---"]))
def test_what_surrounds_a_slug_makes_no_difference(text: str, surroundings: str) -> None:
    assert rules.event_slug(surroundings + text + surroundings) == rules.event_slug(text)


@given(st.text(st.characters(codec="ascii")))
def test_upper_and_lower_case_make_the_same_slug(text: str) -> None:
    assert rules.event_slug(text.upper()) == rules.event_slug(text.lower())


# Lessons: the slug


@given(st.text())
def test_a_lesson_s_slug_is_trimmed_and_in_lower_case_and_stays_so(text: str) -> None:
    slug = rules.lesson_slug(text)

    assert slug == slug.strip() == rules.lesson_slug(slug) == rules.lesson_slug(f" {text}\n")
    assert slug == slug.lower()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_slug_that_an_address_can_name_comes_back_from_it(text: str) -> None:
    slug = rules.lesson_slug(text)

    address = f"https://flix.example/lessons/{quote(slug, safe='')}/quiz"
    assert unquote(urlsplit(address).path.split("/")[2]) == slug
    assert rules.is_addressable(slug) == (not re.search(r"[/\t\r\n]", slug))


# Events: the texts


@pytest.mark.parametrize(
    ("fields", "short", "long"),
    [
        ({}, "", ""),
        ({"description": "d"}, "d", "d"),
        ({"short_description": "s"}, "s", "s"),
        ({"long_description": "l"}, "", "l"),
        ({"short_description": "s", "description": "d"}, "s", "s"),
        ({"long_description": "l", "description": "d"}, "d", "l"),
        ({"short_description": "s", "long_description": "l", "description": "d"}, "s", "l"),
        ({"short_description": "", "description": "d"}, "", ""),
    ],
)
def test_the_short_description_falls_back_to_description_and_the_long_one_to_the_short_one(
    fields: dict[str, str], short: str, long: str
) -> None:
    assert rules.descriptions(fields) == {"short_description": short, "long_description": long}


@given(optional_texts, optional_texts, optional_texts)
def test_the_descriptions_of_an_event_are_never_absent(
    description: str | None, short: str | None, long: str | None
) -> None:
    fields = {"description": description, "short_description": short, "long_description": long}
    expected_short = short if short is not None else description if description is not None else ""
    assert rules.descriptions(fields) == {
        "short_description": expected_short,
        "long_description": long if long is not None else expected_short,
    }


def test_a_partial_update_changes_what_was_sent_and_the_time_of_the_change() -> None:
    changed = rules.changed_event(an_event(), {"title": "Other", "access_key": None, "is_active": False}, NOON)
    assert changed == an_event(title="Other", access_key=None, is_active=False, updated_at=NOON, version=2)


def test_an_update_of_description_alone_changes_the_short_description_and_leaves_the_long_one() -> None:
    changed = rules.changed_event(an_event(), {"description": "Other"}, NOON)
    assert changed == an_event(short_description="Other", long_description="Long", updated_at=NOON, version=2)


def test_an_update_of_both_descriptions_goes_by_the_short_one() -> None:
    changed = rules.changed_event(an_event(), {"description": "Other", "short_description": "Shorter"}, NOON)
    assert changed == an_event(short_description="Shorter", updated_at=NOON, version=2)


def test_an_update_can_empty_a_description() -> None:
    changed = rules.changed_event(an_event(), {"description": ""}, NOON)
    assert changed == an_event(short_description="", updated_at=NOON, version=2)


def test_an_update_leaves_the_changes_that_it_was_given_alone() -> None:
    changes = {"description": "Other"}
    rules.changed_event(an_event(), changes, NOON)
    assert changes == {"description": "Other"}


# Lessons: the slug and the window


@pytest.mark.parametrize(
    ("text", "slug"),
    [("  First Lesson ", "first lesson"), ("ÉCOLE_1", "école_1"), ("a--b", "a--b"), ("", "")],
)
def test_a_lesson_slug_is_trimmed_and_lower_cased_and_otherwise_kept(text: str, slug: str) -> None:
    assert rules.lesson_slug(text) == slug


@given(st.text())
def test_normalising_a_lesson_slug_again_changes_nothing(text: str) -> None:
    assert rules.lesson_slug(rules.lesson_slug(text)) == rules.lesson_slug(text)


@given(instants)
def test_a_lesson_without_an_expiry_has_a_window(release_at: datetime) -> None:
    rules.check_window(release_at, None)


@given(instants, durations)
def test_a_lesson_that_expires_later_than_it_is_released_has_a_window(
    release_at: datetime, duration: timedelta
) -> None:
    rules.check_window(release_at, release_at + duration)


@given(instants, milliseconds)
def test_expires_at_must_be_later_than_release_at(release_at: datetime, duration: timedelta) -> None:
    with pytest.raises(InvalidWindow) as refusal:
        rules.check_window(release_at, release_at - duration)
    assert refusal.value.envelope("r") == {
        "error": "LESSON_INVALID_WINDOW",
        "message": "expiresAt must be later than releaseAt",
        "requestId": "r",
    }


def test_a_partial_update_of_a_lesson_changes_what_was_sent_and_the_time_of_the_change() -> None:
    changed = rules.changed_lesson(a_lesson(), {"title": "Other", "expires_at": None}, NOON)
    assert changed == a_lesson(title="Other", expires_at=None, updated_at=NOON, version=2)


@pytest.mark.parametrize(
    "changes",
    [
        {"release_at": NOON + HOUR},
        {"release_at": NOON + HOUR + MILLISECOND},
        {"expires_at": NOON - HOUR},
        {"expires_at": NOON - 2 * HOUR},
        {"release_at": NOON, "expires_at": NOON},
    ],
)
def test_the_window_must_hold_after_a_partial_update_too(changes: dict[str, datetime]) -> None:
    with pytest.raises(InvalidWindow):
        rules.changed_lesson(a_lesson(release_at=NOON - HOUR, expires_at=NOON + HOUR), changes, NOON)


def test_an_update_may_move_the_whole_window_past_its_old_end() -> None:
    changes = {"release_at": NOON + 5 * HOUR, "expires_at": NOON + 6 * HOUR}
    assert rules.changed_lesson(a_lesson(), changes, NOON) == a_lesson(**changes, updated_at=NOON, version=2)


# Lessons: the status


@pytest.mark.parametrize(
    ("window", "status"),
    [
        ((NOON + MILLISECOND, None), "locked"),
        ((NOON + MILLISECOND, NOON + HOUR), "locked"),
        ((NOON, None), "released"),
        ((NOON, NOON + MILLISECOND), "released"),
        ((NOON - HOUR, NOON + MILLISECOND), "released"),
        ((NOON - HOUR, NOON), "expired"),
        ((NOON - MILLISECOND, NOON), "expired"),
        ((NOON - HOUR, NOON - MILLISECOND), "expired"),
    ],
)
def test_a_lesson_is_locked_until_its_release_and_expired_from_its_expiry_on(
    window: tuple[datetime, datetime | None], status: str
) -> None:
    assert rules.lesson_status(lesson_open(*window), NOON) == status


@given(instants, durations, st.integers(-(10**12), 10**12).map(lambda count: count * MILLISECOND))
def test_every_moment_is_before_inside_or_after_the_window(
    release_at: datetime, duration: timedelta, since_release: timedelta
) -> None:
    status = rules.lesson_status(lesson_open(release_at, release_at + duration), release_at + since_release)
    zero = timedelta(0)
    expected = "locked" if since_release < zero else "released" if since_release < duration else "expired"
    assert status == expected


@given(instants, milliseconds)
def test_a_lesson_without_an_expiry_never_expires(release_at: datetime, later: timedelta) -> None:
    assert rules.lesson_status(lesson_open(release_at), release_at + later) == "released"


@pytest.mark.parametrize(
    ("remaining", "seconds"),
    [
        (-HOUR, 0),
        (-MILLISECOND, 0),
        (timedelta(0), 0),
        (MILLISECOND, 1),
        (SECOND - MILLISECOND, 1),
        (SECOND, 1),
        (SECOND + MILLISECOND, 2),
        (HOUR, 3600),
        (timedelta(days=10_000), 864_000_000),
    ],
)
def test_unlocks_in_seconds_is_the_ceiling_of_the_remaining_seconds_and_zero_when_past(
    remaining: timedelta, seconds: int
) -> None:
    assert rules.seconds_until(NOON + remaining, NOON) == seconds


@given(st.integers(-(10**11), 10**11))
def test_unlocks_in_seconds_rounds_up_every_remainder(remaining: int) -> None:
    assert rules.seconds_until(NOON + remaining * MILLISECOND, NOON) == max(0, math.ceil(remaining / 1000))


@given(instants, instants)
def test_a_lesson_is_locked_exactly_as_long_as_seconds_remain(release_at: datetime, now: datetime) -> None:
    locked = rules.lesson_status(lesson_open(release_at), now) == "locked"
    assert locked == (rules.seconds_until(release_at, now) > 0)


# Lessons: the order


def test_lessons_are_ordered_by_release_then_creation_then_id() -> None:
    in_order = [
        a_lesson(id="z", release_at=NOON, created_at=NOON + HOUR),
        a_lesson(id="y", release_at=NOON + MILLISECOND, created_at=NOON - MILLISECOND),
        a_lesson(id="a", release_at=NOON + MILLISECOND, created_at=NOON),
        a_lesson(id="b", release_at=NOON + MILLISECOND, created_at=NOON),
    ]
    scrambled = [in_order[place] for place in (3, 1, 0, 2)]
    assert sorted(scrambled, key=rules.release_order) == in_order


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=8))
def test_previous_and_next_follow_the_order_of_the_list(places: list[tuple[int, int]]) -> None:
    lessons = sorted(
        (
            a_lesson(id=str(number), release_at=NOON + released * SECOND, created_at=NOON + created * SECOND)
            for number, (released, created) in enumerate(places)
        ),
        key=rules.release_order,
    )
    expected = list(zip([None, *lessons[:-1]], [*lessons[1:], None], strict=True))
    assert [rules.neighbours(lessons, lesson) for lesson in lessons] == expected


def test_a_lesson_that_has_just_left_the_list_still_has_its_neighbours() -> None:
    before, gone, after = (a_lesson(id=each) for each in "abc")
    assert rules.neighbours([before, after], gone) == (before, after)
    assert rules.neighbours([], gone) == (None, None)


# Private access


@given(keys | st.none(), keys | st.none())
def test_a_public_event_opens_with_any_key_and_with_none(event_key: str | None, sent: str | None) -> None:
    assert rules.opens_for(an_event(visibility="public", access_key=event_key), sent)


@given(keys, keys | st.none())
def test_for_a_private_event_the_key_must_equal_the_event_s_key(event_key: str, sent: str | None) -> None:
    event = an_event(visibility="private", access_key=event_key)
    assert rules.opens_for(event, sent) == (sent == event_key)
    assert rules.opens_for(event, event_key)


@given(keys | st.none() | st.just(""))
def test_a_private_event_without_a_key_opens_for_nobody(sent: str | None) -> None:
    assert not rules.opens_for(an_event(visibility="private", access_key=None), sent)


@pytest.mark.parametrize("sent", ["Let-me-in", "let-me-in ", "let-me-i", "let-me-inn", "", "None", None, "clé-é", "🔑"])
def test_a_key_that_is_almost_right_is_wrong(sent: str | None) -> None:
    assert not rules.opens_for(an_event(visibility="private", access_key="let-me-in"), sent)


def test_a_key_may_hold_characters_of_any_script() -> None:
    assert rules.opens_for(an_event(visibility="private", access_key="ключ-鍵-🔑"), "ключ-鍵-🔑")


@given(keys | st.none())
def test_no_event_opens_for_nobody(sent: str | None) -> None:
    assert not rules.opens_for(None, sent)


class Watched(str):
    """A key that counts how often it is read."""

    reads = 0

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Counted."""
        self.reads += 1
        return super().encode(encoding, errors)


@pytest.mark.parametrize("sent", ["l", "let-me-i", "let-me-in", "let-me-inn", "x" * 64])
def test_a_guess_costs_the_same_whatever_its_length_and_whether_or_not_there_is_a_key_or_an_event(sent: str) -> None:
    # Counted instead of timed: every guess is hashed once, and so is the key, whose digest is then compared as a whole.
    events = [an_event(visibility="private", access_key=key) for key in (Watched("let-me-in"), None)]
    for event in (*events, None):
        guess = Watched(sent)
        rules.opens_for(event, guess)
        assert guess.reads == 1
    assert [event.access_key.reads for event in events if isinstance(event.access_key, Watched)] == [1]


# Grants

IDS = st.sampled_from(["event-1", "event-2", 'event-1","private'])
PRIVATE_OR_PUBLIC: st.SearchStrategy[Visibility] = st.sampled_from(["private", "public"])
EVENTS = st.builds(
    lambda id, visibility, key: an_event(id=id, visibility=visibility, access_key=key),
    IDS,
    PRIVATE_OR_PUBLIC,
    st.sampled_from(["let-me-in", "let-me-out", ""]) | st.none(),
)


def grant_of(event: Event, secret: str = SECRET) -> Grant:
    """What whom the event opens for gets."""
    return Grant(event.id, rules.fingerprint(event, secret))


@given(EVENTS, EVENTS)
def test_a_grant_opens_its_event_while_it_is_private_behind_the_same_key_and_what_is_public(
    given_for: Event, shown_to: Event
) -> None:
    is_the_same = given_for == shown_to and shown_to.access_key is not None
    opens = shown_to.visibility == "public" or is_the_same
    assert rules.opens_by_grant(shown_to, grant_of(given_for), SECRET) == opens


@given(keys, keys)
def test_a_grant_dies_with_the_key_that_it_was_given_for_and_lives_again_with_it(old: str, new: str) -> None:
    before, after = (an_event(visibility="private", access_key=key) for key in (old, new))
    assert rules.opens_by_grant(before, grant_of(before), SECRET)
    assert rules.opens_by_grant(after, grant_of(before), SECRET) == (old == new)


def test_a_grant_is_worth_nothing_for_the_fingerprint_of_another_event_under_its_own_id() -> None:
    one, other = (an_event(id=id, visibility="private", access_key="let-me-in") for id in ("event-1", "event-2"))
    assert not rules.opens_by_grant(one, Grant(one.id, rules.fingerprint(other, SECRET)), SECRET)
    assert not rules.opens_by_grant(one, Grant(other.id, rules.fingerprint(one, SECRET)), SECRET)


@given(keys)
def test_a_fingerprint_is_worth_nothing_without_the_services_secret_and_shows_no_key(key: str) -> None:
    event = an_event(visibility="private", access_key=key)
    fingerprint = rules.fingerprint(event, SECRET)
    assert re.fullmatch("[0-9a-f]{64}", fingerprint)
    assert fingerprint != rules.fingerprint(event, "another secret that is long enough too")
    assert fingerprint != hashlib.sha256(key.encode()).hexdigest()
    assert not rules.opens_by_grant(event, grant_of(event, "another secret that is long enough too"), SECRET)


def test_a_grant_of_a_public_event_says_nothing_of_its_key_and_ends_when_it_becomes_private() -> None:
    public = [an_event(visibility="public", access_key=key) for key in (None, "let-me-in")]
    assert rules.fingerprint(public[0], SECRET) == rules.fingerprint(public[1], SECRET)
    for key in (None, "let-me-in"):
        assert not rules.opens_by_grant(an_event(visibility="private", access_key=key), grant_of(public[0]), SECRET)


@pytest.mark.parametrize("event", [an_event(is_active=False), an_event(is_active=True)])
def test_an_event_opens_whether_or_not_it_is_active(event: Event) -> None:
    assert rules.opens_for(event, None)


@pytest.mark.parametrize(
    ("lesson", "status", "authorized"),
    [
        (lesson_open(NOON - HOUR, NOON + HOUR), "released", True),
        (lesson_open(NOON + HOUR), "locked", False),
        (lesson_open(NOON - HOUR, NOON), "expired", False),
    ],
)
def test_access_goes_by_the_lesson_s_status_and_only_a_released_one_is_authorized(
    lesson: Lesson, status: AccessStatus, authorized: bool
) -> None:
    access = rules.access_to(lesson, NOON)
    assert access == Access(status, lesson, NOON)
    assert access.authorized is authorized


def test_access_to_a_private_event_without_its_key_says_nothing_of_the_lesson() -> None:
    access = rules.blocked(NOON)
    assert access == Access("blocked_private", None, NOON)
    assert access.authorized is False


def test_every_status_has_the_message_that_the_baseline_gave_it() -> None:
    assert rules.ACCESS_MESSAGES == {
        "released": "Lesson is available",
        "locked": "Lesson is not released yet",
        "expired": "Lesson access has expired",
        "blocked_private": "Private event access is required",
    }


# Playback


@pytest.mark.parametrize(
    ("provider", "video_id", "address"),
    [
        ("youtube", "dQw4w9WgXcQ", "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"),
        ("vimeo", "76979871", "https://player.vimeo.com/video/76979871"),
        ("vimeo", "76979871?h=8272103f6e&dnt=1", "https://player.vimeo.com/video/76979871?h=8272103f6e&dnt=1"),
        ("gemini_stream", "stream-1_a.b~c", "https://stream.gemini.google/embed/stream-1_a.b~c"),
        ("youtube", 'a b"<c>#d', "https://www.youtube-nocookie.com/embed/a%20b%22%3Cc%3E%23d"),
        ("youtube", "é", "https://www.youtube-nocookie.com/embed/%C3%A9"),
    ],
)
def test_a_player_loads_the_provider_s_embed_address(provider: VideoProvider, video_id: str, address: str) -> None:
    assert rules.embed_url(provider, video_id) == address


@given(st.sampled_from(list(rules.EMBED_ADDRESSES)), st.text(min_size=3, max_size=120))
def test_no_video_id_leads_the_player_to_another_host(provider: VideoProvider, video_id: str) -> None:
    address, expected = urlsplit(rules.embed_url(provider, video_id)), urlsplit(rules.EMBED_ADDRESSES[provider])
    assert (address.scheme, address.netloc, address.fragment) == ("https", expected.netloc, "")
    assert address.path.startswith(expected.path)
    assert address.geturl().isascii()


@given(st.sampled_from(list(rules.EMBED_ADDRESSES)), st.text(st.characters(codec="utf-8")))
def test_the_embed_address_ends_with_the_video_id(provider: VideoProvider, video_id: str) -> None:
    assert unquote(rules.embed_url(provider, video_id)) == rules.EMBED_ADDRESSES[provider] + video_id
