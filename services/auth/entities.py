"""The records of auth, the same from every repository. Their fields are the columns of the tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

Role = Literal["owner", "editor", "viewer"]

EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Admin:
    """A person who runs launches.

    The hash is argon2id, or bcrypt of the old baseline until the next sign-in. `disabled_at` is None while the person
    may sign in. `initial_password_ends_at` is None unless the password was generated: such a password is valid until
    then, and only to set another one. Its digest saves the hash; None for one that an earlier release made.
    """

    id: str
    username: str
    password_hash: str = field(repr=False)
    created_at: datetime
    updated_at: datetime
    role: Role = "owner"
    disabled_at: datetime | None = None
    initial_password_ends_at: datetime | None = None
    initial_password_digest: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminFilter:
    """A filter of admins; None means any. `q` is in the name, in any case."""

    role: Role | None = None
    disabled: bool | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True)
class PersonChanges:
    """The changes that an owner makes to a person; None leaves a field as it is."""

    role: Role | None = None
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in and the family of its refresh tokens; `ended_at` is None while it is active."""

    id: str
    admin_id: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key as two JSON Web Keys (RFC 8037), the private one encrypted (JWE, RFC 7516).

    It is published until `retired_at`, and signs from `signs_from` until a later key does.
    """

    id: str
    private_key: str = field(repr=False)
    public_key: str
    created_at: datetime
    retired_at: datetime | None
    signs_from: datetime = EVER


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A token that continues a session once; `id` is its SHA-256, and the token itself is never stored."""

    id: str
    session_id: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IssuedGrant:
    """A learner's grant for an event; `expires_in` is in seconds."""

    access_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class Throttle:
    """The sign-in attempts counted in a window; `id` is the SHA-256 of account and address."""

    id: str
    attempts: int
    window_ends_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """A person with a generated password, which is never stored."""

    admin: Admin
    initial_password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignIn:
    """The result of a sign-in or a refresh; `expires_in` and `refresh_expires_in` are in seconds."""

    admin: Admin
    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str = field(repr=False)
    refresh_expires_in: int


@dataclass(frozen=True, slots=True)
class Rotation:
    """A new signing key, and the keys that it replaces."""

    key: SigningKey
    retired: Sequence[SigningKey]
