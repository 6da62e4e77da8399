"""Learners' requests: content's judgement of the event, of the lesson, and of the key."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import peewee
import pytest

from services.content import rules
from services.content.errors import EventNotFound
from services.content.repository.contracts import ContentStore
from services.content.repository.store import PeeweeContentStore
from services.content.service.content import ContentService
from services.content.service.learners import PresentedGrant, Visitor
from services.kit.core.errors import ServiceError, Unavailable
from services.kit.web.freshness import Freshness
from services.kit.web.judgements import (
    JUDGEMENT_HEADER,
    Judgement,
    KeyJudgement,
    PresentAddress,
    judgement_header,
    read_judgement,
)
from services.kit.web.tokens.grants import Grant
from tests.clock import HOUR, MILLISECOND, NOON, StoppedClock
from tests.content.client import Client, content_app, learner_grant, service_token
from tests.content.examples import KEY, SECRET, an_event, event_changes, lesson_changes, with_two_events
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import PUBLIC

DAY = 24 * HOUR
YESTERDAYS = "yesterday's key"
SECRET_EVENT = an_event(id="event-2", slug="secret", visibility="private", access_key=KEY)
GRANT = Grant("event-2", rules.fingerprint(SECRET_EVENT, SECRET))
FOREIGN_GRANT = Grant("event-1", GRANT.fingerprint)


class Door:
    """A private event with the key `KEY`, and the judgements of requests for it."""

    def __init__(self, store: ContentStore) -> None:
        self.clock = StoppedClock()
        self.store = with_two_events(store)
        self.service = ContentService(store, SECRET, self.clock)

    def judgement(
        self, key: str | None, grant: PresentedGrant = None, slug: str = "secret", lesson: str = "first"
    ) -> Judgement:
        """Return the last judgement of a request for a lesson, whether it is refused or not."""
        reported: list[Judgement] = []
        with suppress(ServiceError):
            self.service.learners.play(
                slug, lesson, Visitor(key, grant, lambda judgement, _freshness: reported.append(judgement))
            )
        return reported[-1]

    def verdict(self, key: str) -> str:
        """Return the judgement of the key."""
        judged = self.judgement(key).key
        assert judged is not None
        return judged.verdict

    def set_key(self, key: str | None, event_id: str = "event-2") -> None:
        """Change the key of an event."""
        self.service.events.update(event_id, event_changes(access_key=key))


@pytest.fixture
def door(store: ContentStore) -> Door:
    """A door over each kind of store in turn."""
    return Door(store)


@pytest.fixture
def simple_door() -> Door:
    """A door over the in-memory twin."""
    return Door(InMemoryContentStore())


def digest_of(key: str, event_id: str = "event-2") -> str:
    return rules.key_digest(event_id, key, SECRET)


# Replaced keys


def test_a_key_is_stale_for_a_day_after_it_was_replaced(door: Door) -> None:
    assert [door.verdict(key) for key in (KEY, "new-key", "let-me-out")] == ["right", "wrong", "wrong"]
    door.set_key("new-key")
    assert [door.verdict(key) for key in (KEY, "new-key", "let-me-out")] == ["stale", "right", "wrong"]
    door.clock.at = NOON + DAY - MILLISECOND
    assert door.verdict(KEY) == "stale"
    door.clock.at = NOON + DAY
    assert [door.verdict(key) for key in (KEY, "new-key")] == ["wrong", "right"]


def test_keys_of_the_last_day_are_stale_and_a_restored_one_opens(door: Door) -> None:
    for key in ("second-key", "third-key", None, "fourth-key", KEY):
        door.set_key(key)
        door.clock.at += HOUR
    keys = (KEY, "second-key", "third-key", "fourth-key")
    assert [door.verdict(key) for key in keys] == ["right", "stale", "stale", "stale"]
    door.clock.at = NOON + 10 * HOUR
    door.set_key("fifth-key")
    # Replaced at noon the first time, and ten hours later again.
    door.clock.at = NOON + DAY + 5 * HOUR
    assert [door.verdict(key) for key in keys] == ["stale", "wrong", "wrong", "wrong"]


def test_a_removed_key_is_stale_and_that_of_another_event_wrong(door: Door) -> None:
    door.set_key(YESTERDAYS, "event-1")
    door.set_key("other-key", "event-1")
    door.set_key(None)
    assert [door.verdict(key) for key in (KEY, YESTERDAYS)] == ["stale", "wrong"]


def test_a_change_that_leaves_the_key_replaces_none(door: Door) -> None:
    for changes in ({"title": "Other"}, {"access_key": KEY}, {"access_key": f"{KEY}\u200b"}, {"access_key": KEY}):
        door.service.events.update("event-2", event_changes(**changes))
    assert not door.store.replaced_keys.has(digest_of(KEY), NOON - DAY)


def test_digests_of_keys_are_kept_for_a_day_and_no_key(content_database: peewee.Database) -> None:
    door = Door(PeeweeContentStore(content_database))
    for number, key in enumerate(("canary-one", "canary-two", "canary-three", "canary-four")):
        door.clock.at = NOON + number * 12 * HOUR
        door.set_key(key)
    rows = content_database.execute_sql("SELECT digest, replaced_at FROM replaced_keys").fetchall()
    assert sorted(digest for digest, _ in rows) == sorted(map(digest_of, ("canary-two", "canary-three")))
    assert "canary" not in str(rows)


def test_a_key_change_that_fails_replaces_no_key(door: Door) -> None:
    with suppress(ServiceError):
        door.service.events.update("event-2", event_changes(access_key="new-key", slug="launch"))
    with suppress(RuntimeError), door.store.transaction():
        door.set_key("new-key")
        raise RuntimeError
    assert door.verdict(KEY) == "right"
    assert not door.store.replaced_keys.has(digest_of(KEY), NOON - DAY)


# Judgements


def test_what_looks_alike_is_one_guess(simple_door: Door) -> None:
    looking_alike = ("clé-secrète", "  clé-secrète\u200b", "cle\u0301-secre\u0300te", "\ufeffclé-secrète")
    assert {simple_door.judgement(key).key for key in looking_alike} == {
        KeyJudgement("wrong", digest_of("clé-secrète"), GRANT.fingerprint)
    }
    simple_door.set_key("clé-secrète")
    simple_door.set_key(KEY)
    assert {simple_door.verdict(key) for key in looking_alike} == {"stale"}


def test_every_request_tells_the_event_and_the_lesson_that_were_found(simple_door: Door) -> None:
    right = KeyJudgement("right", digest_of(KEY), GRANT.fingerprint)
    assert simple_door.judgement(KEY) == Judgement("event-2", True, right, "lesson-2")
    assert simple_door.judgement(KEY, lesson="nothing") == Judgement("event-2", True, right)
    # The lesson of a request that opens nothing is not looked up.
    wrong = KeyJudgement("wrong", digest_of("let-me-out"), GRANT.fingerprint)
    assert simple_door.judgement("let-me-out") == Judgement("event-2", False, wrong)
    assert simple_door.judgement(None) == Judgement("event-2", False)
    nowhere = KeyJudgement("wrong", digest_of(KEY, ""), "")
    assert simple_door.judgement(KEY, slug="nowhere") == Judgement(None, False, nowhere)
    assert simple_door.judgement(None, slug="nowhere") == Judgement(None, False)


def test_a_lesson_that_is_not_open_now_is_named(simple_door: Door) -> None:
    for simple_door.clock.at in (NOON - DAY, NOON + DAY):
        assert (simple_door.judgement(KEY).opened, simple_door.judgement(KEY).lesson_id) == (True, "lesson-2")


@pytest.mark.parametrize("key", [None, KEY, "let-me-out"])
def test_a_valid_grant_or_a_public_event_needs_no_key(simple_door: Door, key: str | None) -> None:
    assert simple_door.judgement(key, GRANT) == Judgement("event-2", True, None, "lesson-2")
    assert simple_door.judgement(key, slug="launch") == Judgement("event-1", True, None, "lesson-1", is_public=True)


@pytest.mark.parametrize("grant", [FOREIGN_GRANT, Unavailable()])
def test_a_key_beside_a_grant_that_opens_nothing_is_judged(simple_door: Door, grant: PresentedGrant) -> None:
    # A forged grant while auth is away would else make guesses that nobody counts.
    for key in (KEY, "let-me-out"):
        assert simple_door.judgement(key, grant) == simple_door.judgement(key)


def test_the_exchange_tells_the_same(simple_door: Door) -> None:
    reported: list[Judgement] = []

    def report(judgement: Judgement, freshness: Freshness | None) -> None:
        # A grant is made anew each time.
        assert freshness is None
        reported.append(judgement)

    for slug, key in (("secret", KEY), ("secret", "let-me-out"), ("launch", KEY), ("nowhere", KEY)):
        with suppress(ServiceError):
            simple_door.service.learners.event_access(slug, key, report)
    assert [(each.event_id, each.opened, each.key and each.key.verdict) for each in reported] == [
        ("event-2", True, "right"),
        ("event-2", False, "wrong"),
        ("event-1", True, None),
        (None, False, "wrong"),
    ]


def test_a_changed_key_is_another_present_one(simple_door: Door) -> None:
    def present() -> str:
        judged = simple_door.judgement("let-me-out").key
        assert judged is not None
        return judged.present

    before = present()
    simple_door.service.events.update("event-2", event_changes(title="Other", slug="secret"))
    assert present() == before
    simple_door.set_key("new-key")
    assert present() != before


# Former slugs


@pytest.fixture
def renamed_door() -> Door:
    """A door whose events and lessons have other slugs than before."""
    door = Door(InMemoryContentStore())
    for event_id, lesson_id, slug in (("event-1", "lesson-1", "launch"), ("event-2", "lesson-2", "secret")):
        door.service.events.update(event_id, event_changes(slug=f"{slug}-2"))
        door.service.lessons.update(event_id, lesson_id, lesson_changes(slug="first-2"))
    return door


@pytest.mark.parametrize(("slug", "lesson"), [("secret", "first"), ("SECRET", "first-2"), ("secret-2", " First")])
@pytest.mark.parametrize(("key", "grant"), [(KEY, None), ("let-me-out", GRANT)])
def test_whoever_opens_a_former_address_learns_the_present_one(
    renamed_door: Door, slug: str, lesson: str, key: str, grant: PresentedGrant
) -> None:
    judged = renamed_door.judgement(key, grant, slug, lesson)
    present = renamed_door.judgement(key, grant, "Secret-2", "FIRST-2")
    assert present.present_address is None
    assert judged == replace(present, present_address=PresentAddress("secret-2", "first-2"))


def test_only_the_former_address_of_something_names_the_present_one(renamed_door: Door) -> None:
    reported: list[Judgement] = []
    for slug in ("launch", "launch-2"):
        renamed_door.service.learners.catalog(
            slug, Visitor(report=lambda judgement, _freshness: reported.append(judgement))
        )
    assert reported[1] == replace(reported[-1], present_address=PresentAddress("launch-2"))
    former, present = (renamed_door.judgement(None, slug=slug, lesson="nothing") for slug in ("launch", "launch-2"))
    assert (former, former.present_address) == (present, None)


@pytest.mark.parametrize("key", [None, "let-me-out"])
def test_outsiders_cannot_tell_a_former_slug_of_a_private_event(renamed_door: Door, key: str | None) -> None:
    for use_case in (
        lambda slug, grant: renamed_door.service.learners.catalog(slug, Visitor(key, grant)),
        lambda slug, grant: renamed_door.service.learners.check_access(slug, "first", Visitor(key, grant)),
        lambda slug, grant: renamed_door.service.learners.play(slug, "first", Visitor(key, grant)),
    ):
        for slug in ("secret", "nowhere"):
            with pytest.raises(EventNotFound):
                use_case(slug, FOREIGN_GRANT)
            # Nobody can say whether the grant opens the event, if there is one.
            with pytest.raises(Unavailable):
                use_case(slug, Unavailable())
    assert renamed_door.judgement(key, slug="secret") == renamed_door.judgement(key, slug="secret-2")


# The header

ACTIONS = ("access-check", "admission", "playback", "materials")
ADDRESSES = ["/secret/access", "/secret/catalog", *(f"/secret/lessons/first/{action}" for action in ACTIONS)]


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_response_to_a_learner_s_request_has_the_judgement(address: str) -> None:
    def judged(client: Client, **more: Any) -> Judgement | None:
        return read_judgement(
            client.exchange("POST", PUBLIC + address, service_token(), **more).headers.get(JUDGEMENT_HEADER)
        )

    with Client.of(content_app(with_two_events(InMemoryContentStore()))) as client:
        lesson = "lesson-2" if "first" in address else None
        for key, opened, verdict in ((KEY, True, "right"), ("let-me-out", False, "wrong")):
            judgement = judged(client, json={"eventAccessKey": key})
            assert judgement is not None
            assert judgement.key is not None
            found = (judgement.event_id, judgement.opened, judgement.key.verdict, judgement.lesson_id)
            assert found == ("event-2", opened, verdict, lesson if opened else None)
        granted = judged(client, headers={"Learner-Grant": learner_grant(SECRET_EVENT)})
        # The exchange takes no grant.
        assert granted == Judgement("event-2", "access" not in address.split("/"), None, lesson)
        assert judged(client, body="{", headers={"Content-Type": "application/json"}) is None


JUDGEMENTS: Sequence[Judgement] = (
    Judgement(None, False),
    Judgement("é vent\r\n-🎬", True, None, 'les"son'),
    Judgement("event-1", True, KeyJudgement("stale", "a" * 32, "b" * 64), "lesson-1"),
    Judgement("event-1", True, None, None, PresentAddress("launch")),
    Judgement("event-1", True, None, "lesson-1", PresentAddress("launch", 'ers"té')),
)


@pytest.mark.parametrize("judgement", JUDGEMENTS)
def test_a_header_holds_any_id_and_is_read_again(judgement: Judgement) -> None:
    header = judgement_header(judgement)
    assert header.isascii()
    assert header.isprintable()
    assert read_judgement(header) == judgement
    assert read_judgement(header.replace("{", '{"later": 1, ', 1)) == judgement


def test_content_of_the_release_before_tells_no_present_address() -> None:
    header = judgement_header(Judgement("event-1", True)).replace(', "present_address": null', "")
    assert read_judgement(header) == Judgement("event-1", True)
