"""User names are one when they are equal in NFC and case folding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.repository.usernames import the_one_named
from services.kit.core.texts import name_form
from tests.auth.examples import an_admin

ADA, CAPITAL = an_admin(), an_admin(id="admin-2", username="Ada")


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("ada", "ADA", True),
        ("ada", " a\u200bda", False),
        ("ada", "\u200b ada\ufeff", True),
        ("jose\u0301", "JOSÉ", True),
        ("straße", "STRASSE", True),
        ("σίσυφος", "ΣΊΣΥΦΟΣ", True),
        ("ada", "ａｄａ", False),
        ("ada", "аda", False),
        ("jose", "josé", False),
    ],
)
def test_names_are_one_by_what_people_see(one: str, other: str, are_one: bool) -> None:
    assert (name_form(one) == name_form(other)) is are_one


@given(st.text())
def test_the_key_of_a_key_is_the_key(name: str) -> None:
    assert name_form(name_form(name)) == name_form(name)


@pytest.mark.parametrize(
    ("typed", "found"),
    [("ada", ADA), ("Ada", CAPITAL), (" Ada ", CAPITAL), ("ADA", None), ("ada\u200b", None), ("grace", None)],
)
def test_of_names_that_collide_each_is_found_by_its_exact_spelling(typed: str, found: object) -> None:
    assert the_one_named(typed, [ADA, CAPITAL, an_admin(id="admin-3", username="grace hopper")]) == found
