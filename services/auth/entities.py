"""What auth speaks of: plain records, the same from every repository. Their fields are the tables' columns."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

Role = Literal["owner", "editor", "viewer"]

EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Admin:
    """A person who runs launches; the password is kept as an argon2id hash, or as the old baseline's bcrypt one until
    the next sign-in. `disabled_at` is None while the person may sign in."""

    id: str
    username: str
    password_hash: str = field(repr=False)
    created_at: datetime
    updated_at: datetime
    role: Role = "owner"
    disabled_at: datetime | None = None


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
    """An Ed25519 key as two JSON Web Keys (RFC 8037): published until `retired_at`, it signs from `signs_from` on."""

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
class SignIn:
    """What a successful sign-in gives; `expires_in` is in seconds."""

    admin: Admin
    access_token: str = field(repr=False)
    expires_in: int
