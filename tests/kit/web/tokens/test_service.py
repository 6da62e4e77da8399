"""services.kit.web.tokens.service: which service calls, and which one it may call."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from services.kit.core.errors import Unauthorized
from services.kit.web.tokens.service import issue_service_token, verify_service_token
from tests.clock import HOUR, NOON, SECOND
from tests.kit.forging import SECRET, Forge, segment


def test_a_service_token_names_its_caller_for_a_minute_and_its_callee_alone() -> None:
    token = issue_service_token(SECRET, "quiz", "content", NOON)
    assert verify_service_token(token, SECRET, "content", NOON) == "quiz"
    decoded = jwt.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"])
    assert decoded.header == {"alg": "HS256", "typ": "service+jwt"}
    issued_at = int(NOON.timestamp())
    assert decoded.claims == {"iss": "quiz", "aud": "content", "iat": issued_at, "exp": issued_at + 60}


@pytest.mark.parametrize(
    ("secret", "audience", "at"),
    [
        ("another secret that is long enough too", "content", NOON),
        (SECRET, "auth", NOON),
        (SECRET, "", NOON),
        (SECRET, "content", NOON + 65 * SECOND),
        (SECRET, "content", NOON + HOUR),
    ],
)
def test_a_service_token_under_another_secret_for_another_callee_or_too_late_is_unauthorized(
    secret: str, audience: str, at: datetime
) -> None:
    token = issue_service_token(SECRET, "quiz", "content", NOON)
    with pytest.raises(Unauthorized):
        verify_service_token(token, secret, audience, at)


def test_a_service_token_outlives_its_minute_by_clocks_that_differ() -> None:
    token = issue_service_token(SECRET, "quiz", "content", NOON)
    assert verify_service_token(token, SECRET, "content", NOON + 64 * SECOND) == "quiz"


def signed(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token under the services' secret, with whatever it says."""
    return jwt.encode(header, claims, OctKey.import_key(SECRET), algorithms=["HS256", "HS512"])


GOOD_HEADER = {"alg": "HS256", "typ": "service+jwt"}
GOOD_CLAIMS = {"iss": "quiz", "aud": "content", "exp": int((NOON + HOUR).timestamp())}


@pytest.mark.parametrize(
    "token",
    [
        f"{segment({'alg': 'none', 'typ': 'service+jwt'})}.{segment(GOOD_CLAIMS)}.",
        signed({**GOOD_HEADER, "alg": "HS512"}, GOOD_CLAIMS),
        signed({**GOOD_HEADER, "typ": "at+jwt"}, GOOD_CLAIMS),
        signed({"alg": "HS256"}, GOOD_CLAIMS),
        signed(GOOD_HEADER, {"iss": "quiz", "aud": "content"}),
        signed(GOOD_HEADER, {"iss": "quiz", "exp": GOOD_CLAIMS["exp"]}),
        Forge(audience="content").token({"typ": "service+jwt"}),
        "no-token",
        "",
    ],
)
def test_every_other_service_token_is_unauthorized(token: str) -> None:
    assert verify_service_token(signed(GOOD_HEADER, GOOD_CLAIMS), SECRET, "content", NOON) == "quiz"
    with pytest.raises(Unauthorized):
        verify_service_token(token, SECRET, "content", NOON)


def test_an_access_token_is_no_service_token() -> None:
    with pytest.raises(Unauthorized):
        verify_service_token(Forge().token(), SECRET, "quiz", NOON)


@given(token=st.text(max_size=80))
def test_no_text_makes_the_verification_of_a_service_token_crash(token: str) -> None:
    with pytest.raises(Unauthorized):
        verify_service_token(token, SECRET, "content", NOON)
