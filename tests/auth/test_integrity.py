"""The check of auth's rules: each violation is found by table, id and rule, and no finding repeats a secret."""

from dataclasses import replace
from datetime import timedelta

import bcrypt
import peewee
import pytest

from services.auth import passwords, seed
from services.auth.config import read_settings
from services.auth.integrity import KNOWN_DEFAULTS, examination
from services.auth.repository.store import PeeweeAuthStore
from services.auth.rules.keys import KEY_ENCRYPTION, derive_key, new_signing_key
from services.auth.service.sign_in import AuthService
from services.kit.core.instants import now
from services.kit.maintenance.examination import examine
from tests.auth.examples import a_plain_key, a_refresh_token, a_session, an_admin
from tests.violations import NoProgress, Violation, all_rows, execute, found, judge, named, repair

SETTINGS = read_settings({})
EXAMINATION = examination(SETTINGS)
ENCRYPTION_KEY = derive_key(SETTINGS.signing_key_secret, KEY_ENCRYPTION)
A_BCRYPT_HASH = bcrypt.hashpw(b"a password", bcrypt.gensalt(4)).decode()


OTHER = "FROM signing_keys WHERE id = 'key-3')"
# The table, the row and its change; the rules that it breaks; a repair deletes rows without their parent.
BAD_ROWS = [
    ("admins", "admin-2", "username = ' \u200b'", ["admin_username"]),
    ("admins", "admin-2", "username = ''", ["admins_username_not_empty"]),
    ("admins", "admin-2", "password_hash = 'canary'", ["admin_password_hash"]),
    ("admins", "admin-1", "password_hash = replace(password_hash, 'argon2id', 'argon2i')", ["admin_password_hash"]),
    ("signing_keys", "key-2", f"public_key = (SELECT public_key {OTHER}", ["signing_key"]),
    (
        "signing_keys",
        "key-2",
        """public_key = replace(public_key, '"x": "', '"x": "canary')""",
        ["signing_key", "signing_key_public"],
    ),
    ("signing_keys", "key-2", f"private_key = (SELECT private_key {OTHER}", ["signing_key"]),
    ("signing_keys", "key-2", "private_key = 'canary'", ["signing_key"]),
    ("signing_keys", "key-3", "private_key = 'canary'", ["signing_key"]),
    ("refresh_tokens", "token-2", "session_id = 'nothing'", ["foreign_key"]),
    ("refresh_tokens", "token-2", "expires_at = created_at", ["refresh_tokens_window"]),
    ("sessions", "session-2", "admin_id = 'nobody'", ["foreign_key"]),
    ("sessions", "session-2", "expires_at = created_at", ["sessions_window"]),
]


@pytest.fixture
def database(auth_database: peewee.Database) -> peewee.Database:
    """Two admins, one with an old hash; two sessions, a refresh token, a signing key and two that retire."""
    store = PeeweeAuthStore(auth_database)
    seed.seed_database(auth_database, SETTINGS, "minimal")
    store.admins.add(an_admin(id="admin-2", username="grace", password_hash=A_BCRYPT_HASH))
    store.sessions.add(a_session(id="session-2", expires_at=now() + timedelta(days=1)))
    store.sessions.add(a_session(id="session-3", expires_at=now() + timedelta(days=1)))
    store.refresh_tokens.add(a_refresh_token(id="token-2", session_id="session-3"))
    store.signing_keys.add(new_signing_key("key-1", now(), ENCRYPTION_KEY))
    store.signing_keys.add(new_signing_key("key-2", now(), ENCRYPTION_KEY))
    store.signing_keys.add(
        replace(new_signing_key("key-3", now(), ENCRYPTION_KEY), retired_at=now() + timedelta(days=1))
    )
    execute(auth_database, "UPDATE signing_keys SET retired_at = 1, private_key = 'gone' WHERE id = 'key-1'")
    return auth_database


@pytest.mark.parametrize(("table", "row_id", "change", "rules"), BAD_ROWS)
def test_a_violation_is_found_and_nothing_else_is_changed(
    database: peewee.Database, table: str, row_id: str, change: str, rules: list[str]
) -> None:
    is_repaired = rules == ["foreign_key"]
    statement = f"UPDATE {table} SET {change} WHERE id = '{row_id}'"
    findings = [(table, row_id, rule) for rule in rules]
    gone = [(table, row_id)] if is_repaired else []
    judge(database, EXAMINATION, Violation([statement], findings, repaired=is_repaired, gone=gone))


def test_no_finding_repeats_a_hash_or_a_key(database: peewee.Database) -> None:
    execute(
        database,
        "UPDATE admins SET password_hash = 'canary', username = 'canary ' WHERE id = 'admin-2'",
        "UPDATE signing_keys SET private_key = 'canary', public_key = 'canary'",
    )
    lines = [finding.line() for finding in found(database, EXAMINATION)]
    # One of the admin, and two of each usable key.
    assert len(lines) == 5
    assert "canary" not in "".join(lines)


def test_a_key_of_the_first_release_is_no_finding(auth_database: peewee.Database) -> None:
    PeeweeAuthStore(auth_database).signing_keys.add(a_plain_key())
    assert found(auth_database, EXAMINATION) == []


def test_a_copy_is_checked_without_the_secret_of_its_keys(database: peewee.Database) -> None:
    of_another_secret = examination(read_settings({"SIGNING_KEY_SECRET": "the secret of another installation"}))
    assert named(found(database, of_another_secret)) == [
        ("signing_keys", key_id, "signing_key") for key_id in ("key-2", "key-3")
    ]
    assert list(examine(database, of_another_secret, NoProgress(), alone=True)) == []


def test_expired_sessions_are_no_finding_and_a_repair_deletes_them(database: peewee.Database) -> None:
    PeeweeAuthStore(database).sessions.add(a_session(id="expired", expires_at=now() - timedelta(seconds=1)))
    before = all_rows(database, EXAMINATION.migrations.tables)
    assert found(database, EXAMINATION) == []
    assert repair(database, EXAMINATION) == (0, ["sessions: deleted 1 expired", "no findings"])
    after = all_rows(database, EXAMINATION.migrations.tables)
    assert after == {**before, "sessions": [row for row in before["sessions"] if row[0] != "expired"]}


def test_seeded_and_written_records_are_no_finding(auth_database: peewee.Database) -> None:
    assert found(auth_database, EXAMINATION) == []
    seed.seed_database(auth_database, SETTINGS, "demo")
    service = AuthService(PeeweeAuthStore(auth_database), SETTINGS.access_token_lifetime, SETTINGS.signing_key_secret)
    sign_in = service.sign_in(SETTINGS.admin_username, SETTINGS.admin_password)
    service.keys.rotate()
    service.sessions.refresh(sign_in.refresh_token)
    assert found(auth_database, EXAMINATION) == []


@pytest.mark.parametrize("default", KNOWN_DEFAULTS)
@pytest.mark.parametrize("by_bcrypt", [False, True])
def test_an_account_that_a_known_default_opens_is_named_in_the_managed_profile(
    auth_database: peewee.Database, default: str, by_bcrypt: bool
) -> None:
    old_hash = bcrypt.hashpw(default.encode(), bcrypt.gensalt(4)).decode()
    password_hash = old_hash if by_bcrypt else passwords.HASHER.hash(default)
    store = PeeweeAuthStore(auth_database)
    store.admins.add(an_admin(id="admin-9", username="imported", password_hash=password_hash))
    store.admins.add(an_admin(id="admin-2", username="grace", password_hash=A_BCRYPT_HASH))
    store.admins.add(an_admin(id="admin-3", username="gone", password_hash=password_hash, disabled_at=now()))
    managed = examination(replace(SETTINGS, profile="managed"))
    [finding] = found(auth_database, managed)
    assert (finding.table, finding.id, finding.rule) == ("admins", "admin-9", "admin_default_password")
    assert finding.message.startswith("a known default password signs imported in: sign in as imported and change it")
    assert default not in finding.line()
    # Not in the local profile, and not of a copy, which must be restorable.
    assert found(auth_database, EXAMINATION) == []
    assert list(examine(auth_database, managed, NoProgress(), alone=True)) == []
