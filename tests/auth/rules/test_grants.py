"""The content of a learner grant."""

from joserfc import jwt
from joserfc.jwk import OKPKey

from services.auth.rules.grants import learner_grant
from services.auth.rules.keys import decrypt_private_key, new_signing_key, public_jwk
from tests.auth.examples import ENCRYPTION_KEY
from tests.clock import HOUR, NOON


def test_a_grant_names_event_fingerprint_and_times_and_nothing_else() -> None:
    key = new_signing_key("key-1", NOON, ENCRYPTION_KEY)
    private = decrypt_private_key(key, ENCRYPTION_KEY)
    token = learner_grant("event-1", "f" * 64, "grant-1", "key-1", private, NOON, NOON + HOUR)
    decoded = jwt.decode(token, OKPKey.import_key(public_jwk(key)), algorithms=["Ed25519"])
    assert decoded.header == {"alg": "Ed25519", "typ": "grant+jwt", "kid": "key-1"}
    assert decoded.claims == {
        "iss": "flix-auth",
        "aud": "content",
        "sub": "event-1",
        "key": "f" * 64,
        "jti": "grant-1",
        "iat": int(NOON.timestamp()),
        "exp": int(NOON.timestamp()) + 3600,
    }
