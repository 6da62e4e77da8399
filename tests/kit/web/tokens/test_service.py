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

ISSUED_AT = int(NOON.timestamp())


def test_a_service_token_names_its_caller_and_the_called_service() -> None:
    token = issue_service_token(SECRET, "quiz", "content", NOON)
    decoded = jwt.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"])
    assert decoded.header == {"alg": "HS256", "typ": "service+jwt"}
    assert decoded.claims == {"iss": "quiz", "aud": "content", "iat": ISSUED_AT, "exp": ISSUED_AT + 60}
    # It is valid for a minute, and five seconds more because clocks may differ.
    for at in (NOON, NOON + 64 * SECOND):
        assert verify_service_token(token, SECRET, "content", at) == "quiz"


def test_the_calls_of_a_quarter_of_a_minute_share_a_token() -> None:
    tokens = [issue_service_token(SECRET, "quiz", "content", NOON + seconds * SECOND) for seconds in (0, 14, 15, 29)]
    assert (tokens[0] == tokens[1], tokens[2] == tokens[3], tokens[0] == tokens[2]) == (True, True, False)
    others = [issue_service_token(SECRET, *names, NOON) for names in (("gateway", "content"), ("quiz", "auth"))]
    assert len({tokens[0], *others}) == 3


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
def test_another_secret_another_service_or_a_late_token_is_refused(secret: str, audience: str, at: datetime) -> None:
    token = issue_service_token(SECRET, "quiz", "content", NOON)
    with pytest.raises(Unauthorized):
        verify_service_token(token, secret, audience, at)


HEADER = {"alg": "HS256", "typ": "service+jwt"}
CLAIMS = {"iss": "quiz", "aud": "content", "exp": int((NOON + HOUR).timestamp())}


def signed(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(header, claims, OctKey.import_key(SECRET), algorithms=["HS256", "HS512"])


@pytest.mark.parametrize(
    "token",
    [
        f"{segment({'alg': 'none', 'typ': 'service+jwt'})}.{segment(CLAIMS)}.",
        signed({**HEADER, "alg": "HS512"}, CLAIMS),
        signed({**HEADER, "typ": "at+jwt"}, CLAIMS),
        signed({"alg": "HS256"}, CLAIMS),
        signed(HEADER, {"iss": "quiz", "aud": "content"}),
        signed(HEADER, {"iss": "quiz", "exp": CLAIMS["exp"]}),
        signed(HEADER, {**CLAIMS, "iss": "q" * 8192}),
        signed({**HEADER, "kid": "key-1", "jku": "https://keys.example"}, CLAIMS),
        Forge(audience="content").token({"typ": "service+jwt"}),
        Forge(audience="content").token(),
        "no-token",
        "",
    ],
)
def test_every_other_token_is_refused(token: str) -> None:
    assert verify_service_token(signed(HEADER, CLAIMS), SECRET, "content", NOON) == "quiz"
    with pytest.raises(Unauthorized):
        verify_service_token(token, SECRET, "content", NOON)


@given(token=st.text(max_size=80))
def test_no_text_crashes_the_verification(token: str) -> None:
    with pytest.raises(Unauthorized):
        verify_service_token(token, SECRET, "content", NOON)
