"""What auth speaks of: plain records, the same from every repository. Their fields are the tables' columns."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Admin:
    """A person who runs launches; the password is kept as an argon2id hash, or as the old baseline's bcrypt one until
    the next sign-in."""

    id: str
    username: str
    password_hash: str = field(repr=False)
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in; `ended_at` is None while it goes on."""

    id: str
    admin_id: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key as two JSON Web Keys (RFC 8037); `retired_at` is None while it signs."""

    id: str
    private_key: str = field(repr=False)
    public_key: str
    created_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a successful sign-in gives; `expires_in` is in seconds."""

    admin: Admin
    access_token: str = field(repr=False)
    expires_in: int
