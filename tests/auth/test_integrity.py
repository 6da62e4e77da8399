"""services.auth.integrity: each planted violation is found by table, id and rule, and no secret is in what is said."""

import json
from dataclasses import replace
from datetime import timedelta

import bcrypt
import peewee
import pytest
from joserfc.jwk import OKPKey

from services.auth import rules, seed
from services.auth.config import read_settings
from services.auth.integrity import examination
from services.auth.repository.store import PeeweeAuthStore
from services.auth.service.sign_in import AuthService
from services.kit.core.findings import NoProgress
from services.kit.core.instants import now
from services.kit.maintenance.examination import examine
from tests.auth.examples import a_key, a_refresh_token, a_session, an_admin
from tests.violations import Violation, all_rows, execute, found, judge, named, repair

SETTINGS = read_settings({})
EXAMINATION = examination(SETTINGS)
SEAL = rules.derived_key(SETTINGS.signing_key_secret, rules.SEALING)
A_BCRYPT_HASH = bcrypt.hashpw(b"a password", bcrypt.gensalt(4)).decode()

BREACHES = {
    "a name with a space behind it": Violation(
        ["UPDATE admins SET username = 'ada ' WHERE id = 'admin-2'"], [("admins", "admin-2", "admin_username")]
    ),
    "an empty name": Violation(
        ["UPDATE admins SET username = '' WHERE id = 'admin-2'"], [("admins", "admin-2", "admins_username_not_empty")]
    ),
    "a password in clear text": Violation(
        ["UPDATE admins SET password_hash = 'canary' WHERE id = 'admin-2'"],
        [("admins", "admin-2", "admin_password_hash")],
    ),
    "a hash of the wrong kind of argon2": Violation(
        ["UPDATE admins SET password_hash = replace(password_hash, 'argon2id', 'argon2i') WHERE id = 'admin-1'"],
        [("admins", "admin-1", "admin_password_hash")],
    ),
    "a key whose parts are of two keys": Violation(
        [
            "UPDATE signing_keys SET public_key = (SELECT public_key FROM signing_keys WHERE id = 'key-3') "
            "WHERE id = 'key-2'"
        ],
        [("signing_keys", "key-2", "signing_key")],
    ),
    "a key whose public part cannot be read": Violation(
        ["UPDATE signing_keys SET public_key = replace(public_key, '\"x\": \"', '\"x\": \"canary') WHERE id = 'key-2'"],
        [("signing_keys", "key-2", "signing_key"), ("signing_keys", "key-2", "signing_key_public")],
    ),
    "a key that was sealed for another row": Violation(
        [
            "UPDATE signing_keys SET private_key = (SELECT private_key FROM signing_keys WHERE id = 'key-3') "
            "WHERE id = 'key-2'"
        ],
        [("signing_keys", "key-2", "signing_key")],
    ),
    "a key that is published for a while and cannot be read": Violation(
        ["UPDATE signing_keys SET private_key = 'canary' WHERE id = 'key-3'"],
        [("signing_keys", "key-3", "signing_key")],
    ),
    "a refresh token of no session": Violation(
        ["UPDATE refresh_tokens SET session_id = 'nothing' WHERE id = 'token-2'"],
        [("refresh_tokens", "token-2", "foreign_key")],
        repaired=True,
        gone=[("refresh_tokens", "token-2")],
    ),
    "a refresh token that is over before it begins": Violation(
        ["UPDATE refresh_tokens SET expires_at = created_at WHERE id = 'token-2'"],
        [("refresh_tokens", "token-2", "refresh_tokens_window")],
    ),
    "a key that cannot be read": Violation(
        ["UPDATE signing_keys SET private_key = 'canary' WHERE id = 'key-2'"],
        [("signing_keys", "key-2", "signing_key")],
    ),
    "a session of nobody": Violation(
        ["UPDATE sessions SET admin_id = 'nobody' WHERE id = 'session-2'"],
        [("sessions", "session-2", "foreign_key")],
        repaired=True,
        gone=[("sessions", "session-2")],
    ),
    "a session that ends before it begins": Violation(
        ["UPDATE sessions SET expires_at = created_at WHERE id = 'session-2'"],
        [("sessions", "session-2", "sessions_window")],
    ),
}


@pytest.fixture
def database(auth_database: peewee.Database) -> peewee.Database:
    """With two admins, one of them of an old installation, a session and a key that go on, and a retired key."""
    store = PeeweeAuthStore(auth_database)
    seed.seed_database(auth_database, SETTINGS, "minimal")
    store.admins.add(an_admin(id="admin-2", username="grace", password_hash=A_BCRYPT_HASH))
    store.sessions.add(a_session(id="session-2", expires_at=now() + timedelta(days=1)))
    store.sessions.add(a_session(id="session-3", expires_at=now() + timedelta(days=1)))
    store.refresh_tokens.add(a_refresh_token(id="token-2", session_id="session-3"))
    store.signing_keys.add(rules.new_signing_key("key-1", now(), SEAL))
    store.signing_keys.add(rules.new_signing_key("key-2", now(), SEAL))
    store.signing_keys.add(replace(rules.new_signing_key("key-3", now(), SEAL), retired_at=now() + timedelta(days=1)))
    execute(auth_database, "UPDATE signing_keys SET retired_at = 1, private_key = 'gone' WHERE id = 'key-1'")
    return auth_database


@pytest.mark.parametrize("name", BREACHES)
def test_a_planted_violation_is_found_and_nothing_else_is_found_or_changed(
    database: peewee.Database, name: str
) -> None:
    judge(database, EXAMINATION, BREACHES[name])


def test_no_finding_repeats_a_hash_or_a_key(database: peewee.Database) -> None:
    execute(
        database,
        "UPDATE admins SET password_hash = 'canary', username = 'canary ' WHERE id = 'admin-2'",
        "UPDATE signing_keys SET private_key = 'canary', public_key = 'canary'",
    )

    lines = [finding.line() for finding in found(database, EXAMINATION)]

    # Two of the admin, and two of each key that is not over.
    assert len(lines) == 6
    assert "canary" not in "".join(lines)


def test_keys_of_the_first_release_are_no_finding(auth_database: peewee.Database) -> None:
    pair = OKPKey.generate_key("Ed25519")
    private, public = (json.dumps(pair.as_dict(private=each)) for each in (True, False))
    PeeweeAuthStore(auth_database).signing_keys.add(a_key(private_key=private, public_key=public))

    assert found(auth_database, EXAMINATION) == []


def test_a_copy_is_judged_without_the_secret_of_its_keys_which_is_not_in_a_backup(database: peewee.Database) -> None:
    elsewhere = examination(read_settings({"SIGNING_KEY_SECRET": "what another installation encrypts with"}))

    assert named(found(database, elsewhere)) == [
        ("signing_keys", key_id, "signing_key") for key_id in ("key-2", "key-3")
    ]
    assert list(examine(database, elsewhere, NoProgress(), alone=True)) == []


def test_sessions_that_are_over_are_no_finding_and_a_repair_clears_them(database: peewee.Database) -> None:
    PeeweeAuthStore(database).sessions.add(a_session(id="over", expires_at=now() - timedelta(seconds=1)))
    before = all_rows(database, EXAMINATION.migrations.tables)

    assert found(database, EXAMINATION) == []
    assert repair(database, EXAMINATION) == (0, ["sessions: deleted 1 that are over", "no findings"])
    after = all_rows(database, EXAMINATION.migrations.tables)
    assert after == {**before, "sessions": [row for row in before["sessions"] if row[0] != "over"]}


def test_what_the_seed_and_the_service_write_is_never_a_finding(auth_database: peewee.Database) -> None:
    assert found(auth_database, EXAMINATION) == []
    seed.seed_database(auth_database, SETTINGS, "demo")
    service = AuthService(PeeweeAuthStore(auth_database), SETTINGS.access_token_lifetime, SETTINGS.signing_key_secret)
    sign_in = service.sign_in(SETTINGS.admin_username, SETTINGS.admin_password)
    service.keys.rotate()
    service.sessions.refresh(sign_in.refresh_token)

    assert found(auth_database, EXAMINATION) == []
