"""services.auth.passwords: which new passwords are taken, and what is said of the others."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from services.auth.passwords import initial_password_of, new_initial_password, new_password_problems

TOO_SHORT = ["must have at least 12 characters"]
TOO_EASY = ["is too easy to guess: take several words that have nothing to do with one another or with you"]


@pytest.mark.parametrize("password", ["", "a", "correct hor", "zebra 9 qui", "ü" * 11])
def test_a_short_one_is_refused_whatever_it_is(password: str) -> None:
    assert new_password_problems(password, "ada") == TOO_SHORT


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "P@ssw0rd2026",
        "administrator",
        "qwertyuiop123",
        "123456789012",
        "passwordpassword",
        "trustno1trustno1",
        "iloveyou1234",
        "aaaaaaaaaaaa",
        "abcabcabcabcabc",
        "            ",
        "flixflixflix",
        "Flix12345678",
        "ada.lovelace",
        "lovelace1234",
        "ADA.LOVELACE",
        "\0" * 12,
        "ab" * 500,
    ],
)
def test_one_that_is_common_or_about_the_person_or_the_product_is_refused(password: str) -> None:
    assert new_password_problems(password, "ada.lovelace") == TOO_EASY


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
def test_any_other_is_taken_of_whatever_characters(password: str) -> None:
    assert new_password_problems(password, "ada.lovelace") == []


def test_every_common_password_of_the_library_that_is_long_enough_is_refused() -> None:
    common = [each for each in FREQUENCY_LISTS["passwords"] if len(each) >= 12]
    assert len(common) > 100
    assert {each: new_password_problems(each, "ada") for each in common} == dict.fromkeys(common, TOO_EASY)


@given(st.text(max_size=100), st.text(max_size=200))
def test_every_text_is_judged(password: str, username: str) -> None:
    problems = new_password_problems(password, username)
    assert problems in ([TOO_SHORT] if len(password) < 12 else [[], TOO_EASY])


def test_an_initial_password_can_be_read_out_is_never_the_same_and_is_taken() -> None:
    made = [new_initial_password() for _ in range(200)]
    assert len(set(made)) == 200
    assert all(re.fullmatch("([a-hjkmnp-z2-9]{4}-){6}[a-hjkmnp-z2-9]{4}", each) for each in made)
    assert [new_password_problems(each, "ada") for each in made] == [[]] * 200


def test_an_initial_password_has_128_bits_and_is_that_of_its_seed() -> None:
    assert 31 ** len(new_initial_password().replace("-", "")) >= 2**128
    assert initial_password_of(bytes(32)) == "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa"
    assert initial_password_of((31**28 - 1).to_bytes(32, "big")) == "9999-9999-9999-9999-9999-9999-9999"
    assert initial_password_of((1 + 2 * 31 + 3 * 31**27).to_bytes(32, "big")) == "bcaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaad"


@given(st.sets(st.integers(0, 31**28 - 1), min_size=2, max_size=2))
def test_two_seeds_make_two_passwords(numbers: set[int]) -> None:
    assert len({initial_password_of(each.to_bytes(32, "big")) for each in numbers}) == 2
