"""What auth speaks of: plain records, the same from every repository. Their fields are the tables' columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

Role = Literal["owner", "editor", "viewer"]

EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Admin:
    """A person who runs launches; the password is kept as an argon2id hash, or as the old baseline's bcrypt one until
    the next sign-in. `disabled_at` is None while the person may sign in; `initial_password_ends_at` is None unless the
    password is one that was made for the person, which is good until then and only for setting another."""

    id: str
    username: str
    password_hash: str = field(repr=False)
    created_at: datetime
    updated_at: datetime
    role: Role = "owner"
    disabled_at: datetime | None = None
    initial_password_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in, and the family of the refresh tokens that go on with it; `ended_at` is None while it goes on."""

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
    """Lets its bearer go on with a session, once; `id` is the SHA-256 of the token, which itself is nowhere kept."""

    id: str
    session_id: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IssuedGrant:
    """What a learner gets for an event's access key; `expires_in` is in seconds."""

    access_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class Throttle:
    """How often somebody has tried to sign in, until a window ends; `id` is the SHA-256 of who and from where."""

    id: str
    attempts: int
    window_ends_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """A person for whom a password was made, which is said here and nowhere kept."""

    admin: Admin
    initial_password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a successful sign-in gives; `expires_in` and `refresh_expires_in` are in seconds."""

    admin: Admin
    access_token: str = field(repr=False)
    expires_in: int
    refresh_token: str = field(repr=False)
    refresh_expires_in: int


@dataclass(frozen=True, slots=True)
class Rotation:
    """A new signing key, and those that it takes the place of."""

    key: SigningKey
    retired: Sequence[SigningKey]
