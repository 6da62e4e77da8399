"""A signing key as auth has it, the tokens it signs, and a few tokens that nobody may accept."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.jwk import OKPKey

from services.kit.web.tokens.revocation import Revoked
from services.kit.web.tokens.service import issue_service_token
from tests.clock import HOUR, NOON

SECRET = "a secret that only these tests know, long enough"

absent: Any = object()
"""The value of a claim or a header parameter that is left out."""

# The name of each trick, and the token.
Forgeries = Iterator[tuple[str, str]]


async def nothing_revoked() -> Revoked:
    """Revocations of an auth that has revoked nothing."""
    return Revoked()


def segment(document: object) -> str:
    """Return a part of a compact JWS; bytes are encoded as they are."""
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def parts(token: str) -> tuple[str, str, str]:
    header, payload, signature = token.split(".")
    return header, payload, signature


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def shown(value: object) -> str:
    """Return the value as the name of a trick shows it."""
    return "absent" if value is absent else repr(value)[:40]


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not absent}


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
        """Return auth's response when this is its only key."""
        return {"keys": [self.public_key]}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a valid token, with changes."""
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
        }
        return _present({**claims, **changes})

    def header(self, **changes: Any) -> dict[str, Any]:
        """Return the header of a valid token, with changes."""
        return _present({"alg": "Ed25519", "typ": "at+jwt", "kid": self.key_id, **changes})

    def token(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Sign a token with changes of its header and claims."""
        return jwt.encode(self.header(**header or {}), self.claims(**changes), self.private_key, algorithms=["Ed25519"])

    def signed(self, header: Any, payload: Any) -> str:
        """Sign any header and payload, also such as no library writes."""
        signing_input = f"{segment(header)}.{segment(payload)}"
        key: Any = self.private_key.private_key
        return f"{signing_input}.{segment(key.sign(signing_input.encode()))}"

    def unsigned(self, algorithm: Any = "none", signature: str = "") -> str:
        """Return a token of that algorithm that nobody signed."""
        return f"{segment(self.header(alg=algorithm))}.{segment(self.claims())}.{signature}"

    def altered(self) -> str:
        """Return a valid token whose claims were changed after signing."""
        header, _, signature = parts(self.token())
        return f"{header}.{segment(self.claims(sub='someone-else'))}.{signature}"


# One token for each check of the verifier: enough to prove that an address asks it. The hundreds of others are in
# tests/kit/forgeries and are proved at the verifier itself and at the gateway.
BAD_ACCESS_TOKENS: dict[str, Callable[[Forge], str]] = {
    "no token": lambda forge: "no-token",
    "without a signature": lambda forge: forge.unsigned(),
    "changed after signing": lambda forge: forge.altered(),
    "signed by another key of the same id": lambda forge: Forge(forge.key_id).token(aud=forge.claims()["aud"]),
    "of another type": lambda forge: forge.token({"typ": "JWT"}),
    "of a service": lambda forge: issue_service_token(SECRET, "gateway", forge.claims()["aud"][-1], NOON),
    "for another audience": lambda forge: forge.token(aud=["gateway", "billing"]),
    "from another issuer": lambda forge: forge.token(iss="someone"),
    "expired": lambda forge: forge.token(exp=int((NOON - HOUR).timestamp())),
    "without a session": lambda forge: forge.token(sid=absent),
    "with a critical extension": lambda forge: forge.signed(forge.header(crit=["b64"], b64=True), forge.claims()),
}
