"""The patterns of gateway/openapi.yaml accept exactly the texts that the services' schemas accept."""

import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.auth.schemas.people import Username
from services.content.schemas.texts import AccessKey, EventSlug, LessonSlug, Title
from services.kit.web.schemas import Text
from services.quiz.schemas.quizzes import Reference
from tests.contract.openapi import GATEWAY

PATTERNS = {
    name: re.compile(schema["pattern"])
    for name, schema in yaml.safe_load(GATEWAY.read_text())["components"]["schemas"].items()
    if "pattern" in schema
}
TAKEN_BY: list[tuple[str, Any]] = [
    ("Text0", Text),
    ("Text1", Reference),
    ("Text3", Title),
    ("Text3", Username),
    ("Text6", AccessKey),
    ("EventSlug", EventSlug),
    ("LessonSlug", LessonSlug),
]
# Characters that some rule treats specially: letters, signs, white space and control characters.
CHARACTERS = st.sampled_from(
    "aZ09-_/?é😀 \t\n\v\f\r\x00\x1b\x1c\x1f\x7f\x85\x9f\xa0\u1680\u2003\u2028\u3000\u200b\ufeff"
)
TEXTS = st.text(CHARACTERS, max_size=9)


@pytest.mark.parametrize(("name", "schema"), TAKEN_BY)
@given(text=TEXTS)
@example("\vabcdef\x85")
@example("\x1cabcdef")
@example("abc\vdef")
def test_a_schema_accepts_exactly_the_texts_of_its_pattern(name: str, schema: Any, text: str) -> None:
    try:
        TypeAdapter(schema).validate_python(text)
        is_taken = True
    except ValidationError:
        is_taken = False

    assert is_taken == bool(PATTERNS[name].search(text)), repr(text)
