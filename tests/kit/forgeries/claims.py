"""Tokens that our own key signed for another purpose, for another time, or for no admin."""

import json
from datetime import datetime, timedelta
from typing import Any

from tests.kit.forging import Forge, Forgeries, absent, shown


def of_another_kind(forge: Forge, at: datetime) -> Forgeries:
    """Tokens that auth might sign for another purpose (RFC 8725 section 3.11)."""
    types: tuple[Any, ...] = (
        *(absent, None, "", "JWT", "jwt", "AT+JWT", "at+jwt ", "at+jwt;a=b", "application/jwt", "id+jwt", "logout+jwt"),
        *("service+jwt", "grant+jwt", "refresh+jwt", "dpop+jwt", "secevent+jwt", "JOSE", 1, True),
        *(["at+jwt"], {"at+jwt": 1}),
    )
    for typ in types:
        yield f"typ {shown(typ)}", forge.signed(forge.header(typ=typ), forge.claims())
    yield "the older name of the algorithm", forge.signed(forge.header(alg="EdDSA"), forge.claims())
    yield "cty JWT, and the token within", forge.signed(forge.header(typ="JWT", cty="JWT"), forge.token().encode())


def from_or_for_others(forge: Forge, at: datetime) -> Forgeries:
    """Other issuers and audiences (RFC 8725 sections 3.8 and 3.9)."""
    issuers: tuple[Any, ...] = (
        *(absent, None, "", "flix", "flix-auth ", "FLIX-AUTH", "flix-auth/", "https://flix-auth", "evil", 1, True),
    )
    for issuer in issuers:
        yield f"iss {shown(issuer)}", forge.token(iss=issuer)
    yield "iss in a list", forge.token(iss=["flix-auth"])
    yield "iss in an object", forge.token(iss={"flix-auth": "flix-auth"})
    mine = forge.claims()["aud"][-1]
    others: tuple[Any, ...] = (
        *(absent, None, "", "*", "billing", f"{mine} ", f" {mine}", mine.upper(), f"{mine},auth", f"{mine}/"),
        mine[:-1],
        *([], [""], ["billing"], [mine.title()], [[mine]], [{mine: mine}], {mine: True}, {"aud": mine}, 1, True),
        f"not-{mine}",
    )
    for audience in others:
        yield f"aud {shown(audience)}", forge.token(aud=audience)


def out_of_time(forge: Forge, at: datetime) -> Forgeries:
    """Expired, not yet valid, or with an invalid time (RFC 7519 sections 4.1.4 to 4.1.6)."""
    now = int(at.timestamp())
    expiries: tuple[Any, ...] = (
        *(absent, None, 0, 1, -1, -(2**63), now - 3600, now - 6, now - 5, True, False, "", "never", [], {}),
        *(str(now + 3600), f"{at.isoformat()}", [now + 3600], {"exp": now + 3600}, now + 3600.5, float(now + 3600)),
    )
    for expiry in expiries:
        yield f"exp {shown(expiry)}", forge.token(exp=expiry)
    infinite = ("1e400", "-1e400", "NaN", "Infinity", "-Infinity", "1e3", "9e99")
    for number in (*infinite, "0x7fffffff", "+99999999999", "09999999999"):
        payload = json.dumps(forge.claims(exp=0)).replace('"exp": 0', f'"exp": {number}')
        yield f"exp {number}", forge.signed(forge.header(), payload.encode())
    far = int((at + timedelta(days=3650)).timestamp())
    begins: tuple[Any, ...] = (now + 600, now + 3600, far, 2**63, "tomorrow", str(now - 60), [], {}, True)
    for begin in begins:
        yield f"nbf {shown(begin)}", forge.token(nbf=begin)
        yield f"iat {shown(begin)}", forge.token(iat=begin)


def critical(forge: Forge, at: datetime) -> Forgeries:
    """Critical extensions that we do not support (RFC 7515 section 4.1.11)."""
    demands: tuple[tuple[Any, dict[str, Any]], ...] = (
        *((["flix"], {"flix": 1}), (["flix"], {}), (["exp"], {"exp": 4_000_000_000}), (["alg"], {})),
        *((["typ", "kid"], {}), (["http://openid.net/x"], {"http://openid.net/x": True}), (["b64"], {"b64": False})),
        *((["b64"], {"b64": "no"}), ("exp", {"exp": 1}), ([1], {}), ({}, {}), (1, {}), ([None], {})),
    )
    stranger = Forge(forge.key_id)
    for crit, more in demands:
        header, name = {**forge.header(crit=crit), **more}, f"crit {crit!r} with {more}"
        yield name, forge.signed(header, forge.claims())
        # The header is read before the signature is verified.
        yield f"{name}, a stranger's signature", stranger.signed(header, forge.claims())


def incomplete(forge: Forge, at: datetime) -> Forgeries:
    """Claims that do not name one admin with one role and one session."""
    for claim in ("sub", "username", "role", "roles", "sid", "jti"):
        for value in (absent, None, 7, 1.5, True, [], {}, [claim], {claim: "owner"}, ["owner", "owner"]):
            changed: dict[str, Any] = {claim: value}
            yield f"{claim} {shown(value)}", forge.token(**changed)
    for role in ("", "owner", "learner", "Admin", "admin ", "root"):
        yield f"role {role!r}", forge.token(role=role)
    for role in ("", "Owner", "owner ", "admin", "*", "root"):
        yield f"roles [{role!r}]", forge.token(roles=[role])


def without_claims(forge: Forge, at: datetime) -> Forgeries:
    """Payloads and headers that are no JSON object."""
    payloads = (b"", b" ", b"null", b"true", b"1", b'"text"', b"[]", b"[{}]", b"{", b"{}", b"\xff\xfe", b"{'sub': 1}")
    for payload in (*payloads, b"\0"):
        yield f"payload {payload!r}", forge.signed(forge.header(), payload)
    claims = json.dumps(forge.claims()).encode()
    yield "in a list", forge.signed(forge.header(), b"[" + claims + b"]")
    yield "in UTF-7", forge.signed(forge.header(), b"+AHs-" + claims[1:])
    for header in (b"", b"null", b"[]", b'"Ed25519"', b"{", b"\xff", b"{}", b'{"alg":"Ed25519","alg":"none"}'):
        yield f"header {header!r}", forge.signed(header, forge.claims())


KINDS = (of_another_kind, from_or_for_others, out_of_time, critical, incomplete, without_claims)
