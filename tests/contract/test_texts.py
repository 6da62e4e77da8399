"""The patterns that gateway/openapi.yaml takes from the schemas accept exactly the texts that these accept."""

import re
from typing import Annotated, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.auth.schemas.people import Username
from services.content.schemas.texts import AccessKey, EventSlug, FileName, LessonSlug, Title, TypedKey
from services.kit.web.schemas import OneLineText, Text, length, line_length
from services.quiz.schemas.quizzes import Reference

TEXTS_OF_SCHEMAS: dict[str, Any] = {
    "a text": Text,
    "a text of 5 characters": Annotated[Text, length(5)],
    "a text on one line": OneLineText,
    "one line of 2 characters": Annotated[OneLineText, line_length(2)],
    "a file's name": FileName,
    "a reference": Reference,
    "a title": Title,
    "a username": Username,
    "an access key": AccessKey,
    "a key that a learner types": TypedKey,
    "an event's slug": EventSlug,
    "a lesson's slug": LessonSlug,
}
# Characters that some rule treats specially: letters, signs, white space, control and invisible characters. What NFC
# changes is not among them, nor what is invisible beyond U+FFFF: patterns cannot say it.
CHARACTERS = st.sampled_from(
    "aZ09-_/\\.?é😀\u0e01\u200b\ufeff\u200d\u200f\u202e\u2069\u00ad\ufe0f"
    " \t\n\v\f\r\x00\x1b\x1c\x1f\x7f\x85\x9f\xa0\u1680\u2003\u2028\u3000"
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
