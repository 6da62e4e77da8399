"""Passwords: how they are hashed, and which new ones are accepted.

Hashes are argon2id; those of the old baseline are bcrypt until the next sign-in.
"""

import os
import re
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Literal, TypeVar

import argon2
import bcrypt

from services.auth.config import MINIMUM_PASSWORD_LENGTH

Result = TypeVar("Result")

# A tenth of the processor time that another busy thread gets: sign-ins must not slow down learners.
_NICENESS = 10


def _at_low_priority(call: Callable[[], Result]) -> Result:
    """Make the call in a thread of low priority, where the system has one: a thread cannot raise its own again."""
    outcome: Future[Result] = Future()

    def run() -> None:
        # On Linux a thread has a niceness of its own.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        try:
            outcome.set_result(call())
        except BaseException as error:  # The caller gets it.
            outcome.set_exception(error)

    threading.Thread(target=run, name="hash").start()
    return outcome.result()


class _LowPriorityHasher(argon2.PasswordHasher):
    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        return _at_low_priority(partial(super().hash, password, salt=salt))

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        return _at_low_priority(partial(super().verify, hash, password))


# OWASP Password Storage Cheat Sheet, the minimum for argon2id: 19 MiB, two passes, one lane.
HASHER = _LowPriorityHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# The old server truncated passwords to 72 bytes, as bcrypt does; this library leaves that to its callers.
_BCRYPT_BYTES = 72
# Every sign-in pays for the costliest hash that is left: at cost 15 that is two seconds.
_BCRYPT = re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-5])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")

# zxcvbn's scores 0 to 2: guessable in less than 10^8 attempts (common passwords, names, keyboard rows, dates, repeats).
_MINIMUM_SCORE = 3
# zxcvbn's time grows with the square of the length.
_SCORED_CHARACTERS = 72
# No characters that are mistaken for one another when read out. 28 of them have 138 bits, more than the 128 of OWASP
# ASVS 5.0 11.5.1.
_CLEAR_CHARACTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 7, 4


def is_bcrypt(password_hash: str) -> bool:
    """Return whether the hash is bcrypt, as in the old baseline."""
    return password_hash.startswith("$2")


def can_be_checked(bcrypt_hash: str) -> bool:
    """Return whether the hash has the form of bcrypt and a cost from 4 to 15."""
    return _BCRYPT.fullmatch(bcrypt_hash) is not None


def matches_bcrypt(password: str, bcrypt_hash: str) -> bool:
    """Return whether the password fits the hash."""
    return _at_low_priority(partial(bcrypt.checkpw, password.encode()[:_BCRYPT_BYTES], bcrypt_hash.encode()))


def matches(password: str, password_hash: str) -> bool:
    """Return whether the password fits the hash of either kind; False for one that cannot be checked."""
    if is_bcrypt(password_hash):
        return can_be_checked(password_hash) and matches_bcrypt(password, password_hash)
    try:
        return HASHER.verify(password_hash, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def new_password_problems(password: str, username: str) -> list[str]:
    """Return why the person cannot have this new password, as texts for a field error.

    Length and common passwords count, rules of composition do not: OWASP ASVS 5.0 6.2.1, 6.2.4, 6.2.5, 6.2.11; NIST SP
    800-63B-4 section 3.1.1.2.
    """
    if len(password) < MINIMUM_PASSWORD_LENGTH:
        return [f"must have at least {MINIMUM_PASSWORD_LENGTH} characters"]
    if _is_easy_to_guess(password, username):
        return ["is too easy to guess: take several words that have nothing to do with one another or with you"]
    return []


def new_initial_password() -> str:
    """Return a random password that can be read out and typed, such as `k7mp-x3wq-h9vd-2fbn-r6tc-8ysj-4eug`."""
    return initial_password_of(secrets.token_bytes(32))


def initial_password_of(seed: bytes) -> str:
    """Return the password made of 256 bits; no password is likelier than another by more than one part in 2^117."""
    number, characters = int.from_bytes(seed, "big"), ""
    for _ in range(_GROUPS * _GROUP_LENGTH):
        number, place = divmod(number, len(_CLEAR_CHARACTERS))
        characters += _CLEAR_CHARACTERS[place]
    return "-".join(characters[start : start + _GROUP_LENGTH] for start in range(0, len(characters), _GROUP_LENGTH))


def _is_easy_to_guess(password: str, username: str) -> bool:
    # Imported here because its dictionaries take 13 MB, and most processes are asked for no new password.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    known_words = ["flix", username, *re.split(r"[\W_]+", username)]
    estimate = zxcvbn(password[:_SCORED_CHARACTERS], user_inputs=[each for each in known_words if each])
    return bool(estimate["score"] < _MINIMUM_SCORE)
