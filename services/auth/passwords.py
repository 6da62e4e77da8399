"""How passwords are kept: as argon2id, and those that came from the old baseline as bcrypt until the next sign-in."""

import re

import argon2
import bcrypt

# OWASP Password Storage Cheat Sheet, the minimum for argon2id: 19 MiB, two passes, one lane.
HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# Of a password that is chosen now; older ones stay good.
MINIMUM_NEW_LENGTH = 12

# The old server cut passwords there, as bcrypt does; the library leaves that to its callers.
_BCRYPT_BYTES = 72
# Each step of the cost doubles the time, and every sign-in takes it as long as such a hash is left: 15 is two seconds.
_BCRYPT = re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-5])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")


def new_password_problems(password: str, username: str) -> list[str]:
    """Why it may not become that person's password, in texts fit for a field error."""
    return [] if len(password) >= MINIMUM_NEW_LENGTH else [f"must have at least {MINIMUM_NEW_LENGTH} characters"]


def is_bcrypt(password_hash: str) -> bool:
    """Whether it is a hash of the old baseline."""
    return password_hash.startswith("$2")


def can_be_checked(bcrypt_hash: str) -> bool:
    """Whether it has the form of bcrypt, with a cost that a sign-in can bear."""
    return _BCRYPT.fullmatch(bcrypt_hash) is not None


def matches_bcrypt(password: str, bcrypt_hash: str) -> bool:
    """Whether the hash is the password's."""
    return bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES], bcrypt_hash.encode())
