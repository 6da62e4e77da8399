"""Passwords: how they are kept, and which new ones are taken.

They are kept as argon2id, and those that came from the old baseline as bcrypt until the next sign-in.
"""

import re
import secrets

import argon2
import bcrypt
from zxcvbn import zxcvbn

from services.auth.config import MINIMUM_PASSWORD_LENGTH

# OWASP Password Storage Cheat Sheet, the minimum for argon2id: 19 MiB, two passes, one lane.
HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# The old server cut passwords there, as bcrypt does; the library leaves that to its callers.
_BCRYPT_BYTES = 72
# Each step of the cost doubles the time, and every sign-in takes it as long as such a hash is left: 15 is two seconds.
_BCRYPT = re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-5])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")


def is_bcrypt(password_hash: str) -> bool:
    """Whether it is a hash of the old baseline."""
    return password_hash.startswith("$2")


def can_be_checked(bcrypt_hash: str) -> bool:
    """Whether it has the form of bcrypt, with a cost that a sign-in can bear."""
    return _BCRYPT.fullmatch(bcrypt_hash) is not None


def matches_bcrypt(password: str, bcrypt_hash: str) -> bool:
    """Whether the hash is the password's."""
    return bcrypt.checkpw(password.encode()[:_BCRYPT_BYTES], bcrypt_hash.encode())


# Guessable in less than 10^8 attempts: common passwords, names, keyboard rows, dates, repeats (zxcvbn's score 0 to 2).
_LEAST_SCORE = 3
# zxcvbn judges no more than that, and its time grows with the square.
_JUDGED_CHARACTERS = 72
# Without those that are mistaken for one another when somebody types what another reads out: 28 of them are 138
# bits, more than the 128 of OWASP ASVS 5.0 11.5.1.
_CLEAR_CHARACTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 7, 4


def new_password_problems(password: str, username: str) -> list[str]:
    """What is wrong with it as a new password of that person, and what to do; nothing when it may be taken.

    Length and what is common, no rules of composition: OWASP ASVS 5.0 6.2.1, 6.2.4, 6.2.5, 6.2.11; NIST SP 800-63B-4
    section 3.1.1.2.
    """
    if len(password) < MINIMUM_PASSWORD_LENGTH:
        return [f"must have at least {MINIMUM_PASSWORD_LENGTH} characters"]
    if _is_easy_to_guess(password, username):
        return ["is too easy to guess: take several words that have nothing to do with one another or with you"]
    return []


def new_initial_password() -> str:
    """A random one that can be read out and typed, such as `k7mp-x3wq-h9vd-2fbn-r6tc-8ysj-4eug`."""
    return initial_password_of(secrets.token_bytes(32))


def initial_password_of(seed: bytes) -> str:
    """The one that 256 bits make: the remainders favour no password by more than one part in 2^117."""
    number, characters = int.from_bytes(seed, "big"), ""
    for _ in range(_GROUPS * _GROUP_LENGTH):
        number, place = divmod(number, len(_CLEAR_CHARACTERS))
        characters += _CLEAR_CHARACTERS[place]
    return "-".join(characters[start : start + _GROUP_LENGTH] for start in range(0, len(characters), _GROUP_LENGTH))


def _is_easy_to_guess(password: str, username: str) -> bool:
    known_to_all = ["flix", username, *re.split(r"[\W_]+", username)]
    judgement = zxcvbn(password[:_JUDGED_CHARACTERS], user_inputs=[each for each in known_to_all if each])
    return bool(judgement["score"] < _LEAST_SCORE)
