"""Texts as people see them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.texts import IGNORABLE, as_seen, lower_form, slug_form


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("\u200bkey\ufeff", "key"),
        ("\u200f \u00a0key\u2060\t", "key"),
        ("cafe\u0301", "caf\u00e9"),
        ("a\u200db", "a\u200db"),
        ("a b", "a b"),
        ("\u200b \ufe0f", ""),
    ],
)
def test_ends_and_composition_do_not_matter(typed: str, seen: str) -> None:
    assert as_seen(typed) == seen


@given(st.text(), st.text(st.sampled_from([" ", *sorted(IGNORABLE)])), st.text(st.sampled_from(["\n", "\u200e"])))
def test_a_text_and_what_looks_the_same_are_equal(text: str, before: str, after: str) -> None:
    seen = as_seen(text)
    assert as_seen(unicodedata.normalize("NFD", f"{before}{text}{after}")) == seen == as_seen(seen)


@pytest.mark.parametrize(
    ("typed", "form"),
    [
        (" Launch_March ", "launch-march"),
        ("launch---march", "launch-march"),
        ("\u200blaunch march\ufeff", "launch-march"),
        ("cafe\u0301", "caf"),
        ("-2026-", "2026"),
        ("Launch___of & the\tyear", "launch-of-the-year"),
        ("a -- b", "a-b"),
        ("a/b?c#d%e", "a-b-c-d-e"),
        ("Žluťoučký kůň", "lu-ou-k-k"),
        ("١٢٣", ""),
        ("---", ""),
        ("", ""),
        ("日本語", ""),
    ],
)
def test_spellings_of_an_event_have_one_form(typed: str, form: str) -> None:
    assert slug_form(typed) == form


@given(st.text())
def test_a_form_is_its_own_form(text: str) -> None:
    assert slug_form(slug_form(text)) == slug_form(text)
    assert lower_form(lower_form(text)) == lower_form(text)


@given(st.text(), st.text(st.sampled_from([" ", *sorted(IGNORABLE)])))
def test_spellings_of_a_lesson_have_one_form(text: str, around: str) -> None:
    assert lower_form(unicodedata.normalize("NFD", f"{around}{text}{around}")) == lower_form(text)
