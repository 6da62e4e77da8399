"""/internal/grants: what is signed for learners, and what is not."""

from typing import Any

import pytest

from tests.auth.client import AuthClient
from tests.matching import Matching
from tests.refusals import Answer, invalid

GRANTS = "/internal/grants"
SOME_TEXT = Matching(".+")

JUDGED = {"eventId": "event-1", "fingerprint": "0123456789abcdef" * 4}


def test_a_grant_is_answered_whole(client: AuthClient) -> None:
    token = Matching(r"[\w-]+\.[\w-]+\.[\w-]+")
    assert client.gateway("POST", GRANTS, JUDGED) == Answer(
        200, {"accessToken": token, "tokenType": "Bearer", "expiresIn": 900}
    )


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ({}, {"eventId": ["is required"], "fingerprint": ["is required"]}),
        ({**JUDGED, "eventId": ""}, {"eventId": [SOME_TEXT]}),
        ({**JUDGED, "eventId": None}, {"eventId": [SOME_TEXT]}),
        ({**JUDGED, "fingerprint": "let-me-in"}, {"fingerprint": [SOME_TEXT]}),
        ({**JUDGED, "fingerprint": "F" * 64}, {"fingerprint": [SOME_TEXT]}),
        ({**JUDGED, "fingerprint": "f" * 64 + "\n"}, {"fingerprint": [SOME_TEXT]}),
    ],
)
def test_what_content_cannot_have_judged_is_not_signed(
    client: AuthClient, document: dict[str, Any], fields: dict[str, list[Any]]
) -> None:
    assert client.gateway("POST", GRANTS, document) == invalid(fields)
