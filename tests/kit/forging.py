"""Tokens as auth would sign them, and every kind that nobody may accept."""

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from services.kit.web.tokens.revocation import Revoked
from tests.clock import HOUR, NOON

SECRET = "a secret that only these tests know, long enough"

_ABSENT = object()


async def nothing_revoked() -> Revoked:
    """Auth has taken nothing back."""
    return Revoked()


def segment(document: object) -> str:
    """A part of a compact JWS."""
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Forge:
    """A signing key such as auth has, and the access tokens that it signs."""

    def __init__(self, key_id: str = "key-1", audience: str = "quiz", at: datetime = NOON):
        self.key_id = key_id
        self.private_key = OKPKey.generate_key("Ed25519")
        self._audience = audience
        self._at = at

    @property
    def public_key(self) -> dict[str, Any]:
        """The key as auth publishes it."""
        key: dict[str, Any] = dict(self.private_key.as_dict(private=False))
        return {**key, "kid": self.key_id, "use": "sig", "alg": "Ed25519"}

    def key_set(self) -> dict[str, Any]:
        """What auth answers when it has this key alone."""
        return {"keys": [self.public_key]}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good token, but for the changes; `absent` leaves one out."""
        claims = {
            "iss": "flix-auth",
            "aud": ["gateway", self._audience],
            "sub": "admin-1",
            "username": "ada",
            "role": "admin",
            "roles": ["owner"],
            "sid": "session-1",
            "jti": "token-1",
            "iat": int(self._at.timestamp()),
            "exp": int((self._at + HOUR).timestamp()),
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not _ABSENT}

    def header(self, **changes: Any) -> dict[str, Any]:
        """The header of a good token, but for the changes."""
        header = {"alg": "Ed25519", "typ": "at+jwt", "kid": self.key_id, **changes}
        return {name: value for name, value in header.items() if value is not _ABSENT}

    def token(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A token with this key's signature."""
        return jwt.encode(self.header(**header or {}), self.claims(**changes), self.private_key, algorithms=["Ed25519"])

    def signed(self, header: dict[str, Any]) -> str:
        """A token with this key's signature over whatever header, which no library would write."""
        text = f"{segment(header)}.{segment(self.claims())}"
        key = self.private_key.private_key
        assert isinstance(key, Ed25519PrivateKey)
        return f"{text}.{segment(key.sign(text.encode()))}"

    def unsigned(self, algorithm: Any = "none", signature: str = "") -> str:
        """A token that claims to need no signature."""
        return f"{segment(self.header(alg=algorithm))}.{segment(self.claims())}.{signature}"

    def confused(self) -> str:
        """A token whose HS256 secret is the public key, which everyone knows (RFC 8725 section 2.1)."""
        secret = OctKey.import_key(self.public_key["x"])
        return jwt.encode(self.header(alg="HS256"), self.claims(), secret, algorithms=["HS256"])

    def altered(self) -> str:
        """A good token whose claims were changed after it was signed."""
        header, _, signature = self.token().split(".")
        return f"{header}.{segment(self.claims(sub='someone-else'))}.{signature}"


absent = _ABSENT
"""The value of a claim or a header parameter that is not there."""

# Every way in which an access token can be wrong; each is built on a good one.
BAD_ACCESS_TOKENS: dict[str, Callable[[Forge], str]] = {
    "without a signature": lambda forge: forge.unsigned(),
    "of algorithm none with a signature": lambda forge: forge.unsigned("none", forge.token().split(".")[2]),
    "of algorithm NONE": lambda forge: forge.unsigned("NONE"),
    "whose signature was cut off": lambda forge: forge.token().rpartition(".")[0] + ".",
    "with the public key for a secret": lambda forge: forge.confused(),
    "changed after signing": lambda forge: forge.altered(),
    "signed by a stranger under our key's id": lambda forge: Forge(forge.key_id).token(aud=forge.claims()["aud"]),
    "signed by a stranger": lambda forge: Forge("key-9").token(aud=forge.claims()["aud"]),
    "of another type": lambda forge: forge.token({"typ": "JWT"}),
    "of a service's type": lambda forge: forge.token({"typ": "service+jwt"}),
    "of no type": lambda forge: forge.token({"typ": absent}),
    "for another audience": lambda forge: forge.token(aud=["gateway", "billing"]),
    "for an audience that begins like ours": lambda forge: forge.token(aud="quizzes"),
    "for nobody": lambda forge: forge.token(aud=absent),
    "for an audience that is no name": lambda forge: forge.token(aud={"quiz": True}),
    "from another issuer": lambda forge: forge.token(iss="someone"),
    "from nobody": lambda forge: forge.token(iss=absent),
    "expired": lambda forge: forge.token(exp=int((NOON - HOUR).timestamp())),
    "that never expires": lambda forge: forge.token(exp=absent),
    "whose expiry is no number": lambda forge: forge.token(exp="2100-01-01T00:00:00Z"),
    "whose expiry is true": lambda forge: forge.token(exp=True),
    "whose expiry is a fraction": lambda forge: forge.token(exp=forge.claims()["exp"] + 0.5),
    "whose expiry is in a list": lambda forge: forge.token(exp=[forge.claims()["exp"]]),
    "that is not good yet": lambda forge: forge.token(nbf=int((NOON + HOUR).timestamp())),
    "that is good from true on": lambda forge: forge.token(nbf=True),
    "that will be issued": lambda forge: forge.token(iat=int((NOON + HOUR).timestamp())),
    "whose issue is no number": lambda forge: forge.token(iat="yesterday"),
    "of no session": lambda forge: forge.token(sid=absent),
    "of a session that is no text": lambda forge: forge.token(sid=["session-1"]),
    "without an id": lambda forge: forge.token(jti=absent),
    "whose id is no text": lambda forge: forge.token(jti=1),
    "of nobody": lambda forge: forge.token(sub=absent),
    "of a subject that is no text": lambda forge: forge.token(sub=1),
    "of no name": lambda forge: forge.token(username=absent),
    "of no role": lambda forge: forge.token(role=absent),
    "whose claims are no object": lambda forge: f"{segment(forge.header())}.{segment([1])}.AAAA",
    "whose header is no object": lambda forge: f"{segment([1])}.{segment(forge.claims())}.AAAA",
    "whose header is no JSON": lambda forge: f"{segment(b'{')}.{segment(forge.claims())}.AAAA",
    "whose key id is no text": lambda forge: forge.unsigned("Ed25519").replace(
        segment(forge.header()), segment(forge.header(kid=["key-1"]))
    ),
    "of no key": lambda forge: forge.signed(forge.header(kid=absent)),
    "with something critical": lambda forge: forge.signed(forge.header(crit=["b64"], b64=True)),
    "with something critical that nobody knows": lambda forge: forge.signed(forge.header(crit=["later"], later=1)),
    "with a key of its own": lambda forge: forge.signed(forge.header(jwk=forge.public_key)),
    "with an address of keys": lambda forge: forge.signed(forge.header(jku="https://keys.example/jwks.json")),
    "whose claims are compressed": lambda forge: forge.signed(forge.header(zip="DEF")),
    "longer than any of ours": lambda forge: forge.token(username="a" * 8192),
    "with a long header": lambda forge: f"{segment({'alg': 'Ed25519', 'kid': 'k' * 2000})}.e30.AAAA",
    "of two parts": lambda forge: forge.token().rpartition(".")[0],
    "of four parts": lambda forge: forge.token() + ".AAAA",
    "that is no token": lambda forge: "no-token",
    "of dots": lambda forge: "..",
}
