"""services.auth.rules.grants: what a learner grant says."""

from joserfc import jwt
from joserfc.jwk import OKPKey

from services.auth import rules
from tests.auth.examples import SEAL
from tests.clock import HOUR, NOON


def test_a_grant_says_for_which_event_and_key_from_when_until_when_and_nothing_else() -> None:
    key = rules.new_signing_key("key-1", NOON, SEAL)
    private = rules.opened(key, SEAL)
    token = rules.learner_grant("event-1", "f" * 64, "grant-1", "key-1", private, NOON, NOON + HOUR)
    seen = jwt.decode(token, OKPKey.import_key(rules.published_key(key)), algorithms=["Ed25519"])
    assert seen.header == {"alg": "Ed25519", "typ": "grant+jwt", "kid": "key-1"}
    assert seen.claims == {
        "iss": "flix-auth",
        "aud": "content",
        "sub": "event-1",
        "key": "f" * 64,
        "jti": "grant-1",
        "iat": int(NOON.timestamp()),
        "exp": int(NOON.timestamp()) + 3600,
    }
