"""services.auth.integrity: each planted breach is found by table, id and rule, and no secret is in what is said."""

from datetime import timedelta

import bcrypt
import peewee
import pytest

from services.auth import seed
from services.auth.config import read_settings
from services.auth.integrity import EXAMINATION
from services.auth.repository import PeeweeAuthStore
from services.auth.rules import new_signing_key
from services.auth.service import AuthService
from services.kit.instants import now
from tests.auth.examples import a_session, an_admin
from tests.breaches import Breach, all_rows, found, judge, plant, repair

SETTINGS = read_settings({})
A_BCRYPT_HASH = bcrypt.hashpw(b"a password", bcrypt.gensalt(4)).decode()

BREACHES = {
    "a name with a space behind it": Breach(
        ["UPDATE admins SET username = 'ada ' WHERE id = 'admin-2'"], [("admins", "admin-2", "admin_username")]
    ),
    "an empty name": Breach(
        ["UPDATE admins SET username = '' WHERE id = 'admin-2'"], [("admins", "admin-2", "admins_username_not_empty")]
    ),
    "a password in clear text": Breach(
        ["UPDATE admins SET password_hash = 'canary' WHERE id = 'admin-2'"],
        [("admins", "admin-2", "admin_password_hash")],
    ),
    "a hash of the wrong kind of argon2": Breach(
        ["UPDATE admins SET password_hash = replace(password_hash, 'argon2id', 'argon2i') WHERE id = 'admin-1'"],
        [("admins", "admin-1", "admin_password_hash")],
    ),
    "a key whose parts are of two keys": Breach(
        ["UPDATE signing_keys SET public_key = replace(public_key, '\"x\": \"', '\"x\": \"canary') WHERE id = 'key-2'"],
        [("signing_keys", "key-2", "signing_key")],
    ),
    "a key that cannot be read": Breach(
        ["UPDATE signing_keys SET private_key = 'canary' WHERE id = 'key-2'"],
        [("signing_keys", "key-2", "signing_key")],
    ),
    "a session of nobody": Breach(
        ["UPDATE sessions SET admin_id = 'nobody' WHERE id = 'session-2'"],
        [("sessions", "session-2", "foreign_key")],
        repaired=True,
        gone=[("sessions", "session-2")],
    ),
    "a session that ends before it begins": Breach(
        ["UPDATE sessions SET expires_at = created_at WHERE id = 'session-2'"],
        [("sessions", "session-2", "sessions_window")],
    ),
}


@pytest.fixture
def database(auth_database: peewee.Database) -> peewee.Database:
    """With two admins, one of them of an old installation, a session and a key that go on, and a retired key."""
    store = PeeweeAuthStore(auth_database)
    seed.plant(auth_database, SETTINGS, "minimal")
    store.admins.add(an_admin(id="admin-2", username="grace", password_hash=A_BCRYPT_HASH))
    store.sessions.add(a_session(id="session-2", expires_at=now() + timedelta(days=1)))
    store.signing_keys.add(new_signing_key("key-1", now()))
    store.signing_keys.add(new_signing_key("key-2", now()))
    plant(auth_database, "UPDATE signing_keys SET retired_at = 1, private_key = 'gone' WHERE id = 'key-1'")
    return auth_database


@pytest.mark.parametrize("name", BREACHES)
def test_a_planted_breach_is_found_and_nothing_else_is_found_or_changed(database: peewee.Database, name: str) -> None:
    judge(database, EXAMINATION, BREACHES[name])


def test_no_finding_repeats_a_hash_or_a_key(database: peewee.Database) -> None:
    plant(
        database,
        "UPDATE admins SET password_hash = 'canary', username = 'canary ' WHERE id = 'admin-2'",
        "UPDATE signing_keys SET private_key = 'canary', public_key = 'canary'",
    )

    lines = [finding.line() for finding in found(database, EXAMINATION)]

    assert len(lines) == 3
    assert "canary" not in "".join(lines)


def test_sessions_that_are_over_are_no_finding_and_a_repair_clears_them(database: peewee.Database) -> None:
    PeeweeAuthStore(database).sessions.add(a_session(id="over", expires_at=now() - timedelta(seconds=1)))
    before = all_rows(database, EXAMINATION.migrations.tables)

    assert found(database, EXAMINATION) == []
    assert repair(database, EXAMINATION) == (0, ["sessions: deleted 1 that are over", "no findings"])
    after = all_rows(database, EXAMINATION.migrations.tables)
    assert after == {**before, "sessions": [row for row in before["sessions"] if row[0] != "over"]}


def test_what_the_seed_and_the_service_write_is_never_a_finding(auth_database: peewee.Database) -> None:
    assert found(auth_database, EXAMINATION) == []
    seed.plant(auth_database, SETTINGS, "demo")
    service = AuthService(PeeweeAuthStore(auth_database), SETTINGS.access_token_lifetime)
    service.sign_in(SETTINGS.admin_username, SETTINGS.admin_password)

    assert found(auth_database, EXAMINATION) == []
