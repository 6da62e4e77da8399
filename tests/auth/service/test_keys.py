"""The use cases of signing keys: making, publishing, rotating, and a changed secret."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from services.auth.errors import KeyUnreadable, KeyWaiting, SigningUnavailable
from services.auth.rules.keys import KEY_LEAD, KEY_MARGIN, decrypt_private_key, is_encrypted
from tests.auth.examples import ENCRYPTION_KEY, LIFETIME, a_plain_key, a_service
from tests.auth.harness import Harness
from tests.clock import LATER, MILLISECOND
from tests.matching import NEW_ID, Matching


def published(auth: Harness) -> list[str]:
    return [key["kid"] for key in auth.service.keys.published()["keys"]]


def signer(auth: Harness) -> str:
    return str(auth.decoded(auth.sign_in()).header["kid"])


def test_the_first_request_makes_the_key_that_sign_ins_use(auth: Harness) -> None:
    published = auth.service.keys.published()
    [key] = auth.store.signing_keys.list()
    assert (key.id, key.created_at, is_encrypted(key)) == (NEW_ID, LATER, True)
    public = {"kty": "OKP", "crv": "Ed25519", "x": Matching(".+"), "kid": key.id, "use": "sig", "alg": "Ed25519"}
    assert published == {"keys": [public]}
    assert signer(auth) == key.id
    assert auth.service.keys.published() == published


def test_keys_of_the_first_release_are_encrypted_with_the_next_sign_in(auth: Harness) -> None:
    plain = [a_plain_key("key-1"), replace(a_plain_key("key-2"), created_at=LATER)]
    for key in plain:
        auth.store.signing_keys.add(key)
    auth.service.keys.require_readable()
    assert published(auth) == ["key-1", "key-2"]
    assert auth.store.signing_keys.list() == plain
    assert signer(auth) == "key-2"
    stored = auth.store.signing_keys.list()
    assert [is_encrypted(each) for each in stored] == [True, True]
    private = [decrypt_private_key(each, ENCRYPTION_KEY).as_dict(private=True) for each in stored]
    assert private == [json.loads(each.private_key) for each in plain]
    assert signer(auth) == "key-2"
    assert auth.store.signing_keys.list() == stored


# Rotation


def test_a_rotated_key_is_published_at_once_and_signs_later(auth: Harness) -> None:
    first = signer(auth)
    [before] = auth.store.signing_keys.list()
    rotation = auth.service.keys.rotate()
    second, signs_from = rotation.key.id, LATER + KEY_LEAD
    assert rotation.key == replace(rotation.key, id=NEW_ID, created_at=LATER, signs_from=signs_from, retired_at=None)
    assert rotation.retired == [replace(before, retired_at=signs_from + LIFETIME + KEY_MARGIN)]
    assert auth.service.keys.list() == [*rotation.retired, rotation.key]
    for at, signing, expected in (
        (LATER, first, [first, second]),
        (signs_from - MILLISECOND, first, [first, second]),
        (signs_from, second, [first, second]),
        (signs_from + LIFETIME + KEY_MARGIN - MILLISECOND, second, [first, second]),
        (signs_from + LIFETIME + KEY_MARGIN, second, [second]),
    ):
        auth.clock.at = at
        assert (published(auth), signer(auth)) == (expected, signing)


def test_a_retired_key_is_reported_for_a_day_and_then_removed(auth: Harness) -> None:
    first = signer(auth)
    retired_at = auth.service.keys.rotate().retired[0].retired_at
    assert retired_at is not None
    reported = []
    for passed in (-MILLISECOND, 0 * MILLISECOND, timedelta(days=1) - MILLISECOND, timedelta(days=1)):
        auth.clock.at = retired_at + passed
        auth.sign_in()
        reported.append((list(auth.service.keys.retired_ids()), len(auth.service.keys.list())))
    assert reported == [([], 2), ([first], 2), ([first], 2), ([], 1)]


def test_a_rotation_is_refused_while_a_key_waits(auth: Harness) -> None:
    signer(auth)
    auth.service.keys.rotate()
    keys = auth.service.keys.list()
    with pytest.raises(KeyWaiting):
        auth.service.keys.rotate()
    assert auth.service.keys.list() == keys
    auth.clock.at = LATER + KEY_LEAD
    assert [each.id for each in auth.service.keys.rotate().retired] == [keys[1].id]
    # The key that was retired first keeps its instant.
    assert auth.service.keys.list()[0] == keys[0]


def test_the_first_rotation_of_an_empty_installation_makes_the_signing_key(auth: Harness) -> None:
    rotation = auth.service.keys.rotate()
    assert (rotation.retired, signer(auth)) == ([], rotation.key.id)


def test_a_rotation_at_once_retires_every_key_but_no_refresh_token(auth: Harness) -> None:
    old = auth.sign_in()
    signing, waiting = published(auth)[0], auth.service.keys.rotate().key.id
    rotation = auth.service.keys.rotate_at_once()
    assert [(each.id, each.retired_at) for each in rotation.retired] == [(signing, LATER), (waiting, LATER)]
    assert published(auth) == [rotation.key.id] == [signer(auth)]
    assert sorted(auth.service.keys.retired_ids()) == sorted([signing, waiting])
    assert not auth.is_accepted(old)
    assert auth.is_accepted(auth.service.sessions.refresh(old.refresh_token))


def test_rotations_are_audited(auth: Harness) -> None:
    first, second = auth.service.keys.rotate().key.id, auth.service.keys.rotate().key.id
    third = auth.service.keys.rotate_at_once().key.id
    assert auth.entries()[1:] == [
        ("signing_key.created", first),
        ("signing_key.created", second),
        ("signing_key.retired", first),
        ("signing_key.created", third),
        ("signing_key.retired", first),
        ("signing_key.retired", second),
    ]


# A changed secret


@pytest.fixture
def moved(auth: Harness) -> Harness:
    """Auth with a key, restarted under another secret."""
    auth.sign_in()
    auth.service = a_service(auth.store, auth.clock, signing_key_secret="another secret, of another installation")
    return auth


def test_another_secret_is_reported_at_readiness_and_by_a_rotation(moved: Harness) -> None:
    [key] = moved.service.keys.list()
    for attempt in (moved.service.keys.require_readable, moved.service.keys.rotate):
        with pytest.raises(KeyUnreadable) as error:
            attempt()
        assert str(error.value).startswith(f"SIGNING_KEY_SECRET does not open the signing key {key.id}: ")
    assert moved.service.keys.list() == [key]


def test_under_another_secret_nobody_signs_in_and_the_log_gives_the_reason(moved: Harness) -> None:
    [key] = moved.service.keys.list()
    with capture_logs() as lines, pytest.raises(SigningUnavailable) as error:
        moved.sign_in()
    assert (error.value.status, "SECRET" in str(error.value)) == (503, False)
    reason = Matching(f"SIGNING_KEY_SECRET.*{key.id}.*")
    assert lines == [{"event": "signing_key_unreadable", "log_level": "error", "reason": reason}]


def test_a_rotation_at_once_helps_after_another_secret(moved: Harness) -> None:
    assert len(published(moved)) == 1
    rotation = moved.service.keys.rotate_at_once()
    moved.service.keys.require_readable()
    assert signer(moved) == rotation.key.id
