"""The patterns that gateway/openapi.yaml takes from the schemas accept exactly the texts that these accept."""

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.auth.schemas.people import Username
from services.content.schemas.texts import AccessKey, EventSlug, LessonSlug, Title
from services.kit.web.schemas import Text
from services.quiz.schemas.quizzes import Reference

TEXTS_OF_SCHEMAS: dict[str, Any] = {
    "a text": Text,
    "a reference": Reference,
    "a title": Title,
    "a username": Username,
    "an access key": AccessKey,
    "an event's slug": EventSlug,
    "a lesson's slug": LessonSlug,
}
# Characters that some rule treats specially: letters, signs, white space and control characters.
CHARACTERS = st.sampled_from(
    "aZ09-_/?é😀 \t\n\v\f\r\x00\x1b\x1c\x1f\x7f\x85\x9f\xa0\u1680\u2003\u2028\u3000\u200b\ufeff"
)
TEXTS = st.text(CHARACTERS, max_size=9)


@pytest.mark.parametrize("schema", TEXTS_OF_SCHEMAS.values(), ids=TEXTS_OF_SCHEMAS.keys())
@given(text=TEXTS)
@example("\vabcdef\x85")
@example("\x1cabcdef")
@example("abc\vdef")
def test_a_schema_accepts_exactly_the_texts_of_its_pattern(schema: Any, text: str) -> None:
    adapter = TypeAdapter(schema)
    pattern = adapter.json_schema()["pattern"]
    try:
        adapter.validate_python(text)
        is_taken = True
    except ValidationError:
        is_taken = False

    assert is_taken == bool(re.search(pattern, text)), repr(text)
