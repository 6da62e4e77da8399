"""Passwords: bcrypt hashes of the old baseline, new passwords, and initial passwords."""

import os
import re
import threading

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from services.auth import passwords
from services.auth.passwords import initial_password_of, new_initial_password, new_password_problems

SHORT = ["must have at least 12 characters"]
EASY = ["is too easy to guess: take several words that have nothing to do with one another or with you"]


def bcrypt_hash(password: str, prefix: str = "$2b$") -> str:
    """Return the hash as the old server made it."""
    return prefix + bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()[4:]


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_every_variant_of_bcrypt_is_checked(prefix: str) -> None:
    password_hash = bcrypt_hash("pässword", prefix)
    assert passwords.can_be_checked(password_hash) and passwords.is_bcrypt(password_hash)
    assert passwords.matches_bcrypt("pässword", password_hash)
    assert not passwords.matches_bcrypt("password", password_hash)


@pytest.mark.parametrize(
    ("password", "attempt", "matches"),
    [
        ("x" * 80, "x" * 80, True),
        ("x" * 80, "x" * 72, True),
        ("x" * 80, "x" * 71, False),
        ("x" * 71 + "ä", "x" * 71 + "ä", True),
        ("x" * 71 + "ä", "x" * 71 + "å", True),
        ("with\0nul", "with\0nul", True),
        ("with\0nul", "with", False),
    ],
)
def test_an_old_password_is_truncated_at_72_bytes(password: str, attempt: str, matches: bool) -> None:
    assert passwords.matches_bcrypt(attempt, bcrypt_hash(password)) is matches


def test_a_thread_that_hashes_has_a_low_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    def priority(*_arguments: bytes) -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    monkeypatch.setattr(bcrypt, "checkpw", priority)
    assert passwords.matches_bcrypt("", "") == max(10, priority())


def test_a_hash_of_another_form_or_cost_cannot_be_checked() -> None:
    rest = bcrypt_hash("old but gold")[7:]
    for text in (rest, "$2b$04$", "$2x$04$" + rest, "$2b$03$" + rest, "$2b$16$" + rest, "$2b$04$" + rest + "\n"):
        assert not passwords.can_be_checked(text)


@pytest.mark.parametrize("password", ["", "a", "correct hor", "zebra 9 qui", "ü" * 11])
def test_a_short_new_password_is_refused(password: str) -> None:
    assert new_password_problems(password, "ada") == SHORT


EASY_PASSWORDS = """
password1234 P@ssw0rd2026 administrator qwertyuiop123 123456789012 passwordpassword trustno1trustno1 iloveyou1234
aaaaaaaaaaaa abcabcabcabcabc flixflixflix Flix12345678 ada.lovelace lovelace1234 ADA.LOVELACE
"""


@pytest.mark.parametrize("password", [*EASY_PASSWORDS.split(), " " * 12, "\0" * 12, "ab" * 500])
def test_a_common_or_personal_new_password_is_refused(password: str) -> None:
    assert new_password_problems(password, "ada.lovelace") == EASY


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "zebra 9 quit",
        "ladybird-tractor",
        "молоко ездит верхом",
        "三匹の子豚が月へ行った日の朝",
        "k\u0301 kombinierend ungewohnt",
        "🪐 nine 🛰️ moles dig 🔭",
        "only small letters in it",
        "x7#" + "kq2!vb9" * 145,
    ],
)
def test_any_other_new_password_is_accepted(password: str) -> None:
    assert new_password_problems(password, "ada.lovelace") == []


def test_every_long_common_password_of_the_library_is_refused() -> None:
    common = [each for each in FREQUENCY_LISTS["passwords"] if len(each) >= 12]
    assert len(common) > 100
    assert {each: new_password_problems(each, "ada") for each in common} == dict.fromkeys(common, EASY)


@given(st.text(max_size=100), st.text(max_size=200))
def test_every_text_is_accepted_or_refused(password: str, username: str) -> None:
    problems = new_password_problems(password, username)
    assert problems in ([SHORT] if len(password) < 12 else [[], EASY])


def test_initial_passwords_are_readable_acceptable_and_differ() -> None:
    made = [new_initial_password() for _ in range(200)]
    assert len(set(made)) == 200
    assert all(re.fullmatch("([a-hjkmnp-z2-9]{4}-){6}[a-hjkmnp-z2-9]{4}", each) for each in made)
    assert [new_password_problems(each, "ada") for each in made] == [[]] * 200


def test_an_initial_password_has_128_bits_of_its_seed() -> None:
    assert 31 ** len(new_initial_password().replace("-", "")) >= 2**128
    assert initial_password_of(bytes(32)) == "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa"
    assert initial_password_of((31**28 - 1).to_bytes(32, "big")) == "9999-9999-9999-9999-9999-9999-9999"
    assert initial_password_of((1 + 2 * 31 + 3 * 31**27).to_bytes(32, "big")) == "bcaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaad"


@given(st.sets(st.integers(0, 31**28 - 1), min_size=2, max_size=2))
def test_two_seeds_make_two_passwords(numbers: set[int]) -> None:
    assert len({initial_password_of(each.to_bytes(32, "big")) for each in numbers}) == 2
