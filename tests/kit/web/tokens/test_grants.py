"""services.kit.web.tokens.grants: which tokens are learner grants."""

import asyncio
from typing import Any

import pytest

from services.kit.core.errors import Unauthorized
from services.kit.web.tokens.grants import Grant, GrantVerifier
from services.kit.web.tokens.revocation import Revoked
from services.kit.web.tokens.service import issue_service_token
from tests.clock import NOON
from tests.kit.forgeries import forgeries
from tests.kit.forging import SECRET, Forge, absent
from tests.kit.web.tokens.fake_auth import FakeAuth

FINGERPRINT = "f" * 64
SPRING = Grant("spring", FINGERPRINT)


class GrantForge(Forge):
    def claims(self, **changes: Any) -> dict[str, Any]:
        no_admin = {"username": absent, "role": absent, "roles": absent, "sid": absent}
        grant = {"sub": "spring", "aud": ["content"], "key": FINGERPRINT, "jti": "grant-1"}
        return super().claims(**{**no_admin, **grant, **changes})

    def header(self, **changes: Any) -> dict[str, Any]:
        return super().header(**{"typ": "grant+jwt", **changes})


class Verifying:
    def __init__(self, forge: Forge):
        self.auth = FakeAuth(forge, audience="content")
        self.admins = self.auth.verifier()

    def verify(self, token: str) -> Grant:
        return asyncio.run(GrantVerifier(self.admins).verify(token))


def test_a_remembered_grant_is_no_access_token() -> None:
    forge = GrantForge()
    verifying = Verifying(forge)
    token = forge.token()
    assert verifying.verify(token) == SPRING
    with pytest.raises(Unauthorized):
        asyncio.run(verifying.admins.verify(token))


@pytest.mark.parametrize("audience", ["content", ["content"]])
def test_a_grant_names_its_event_and_the_fingerprint_of_the_key(audience: Any) -> None:
    forge = GrantForge()
    assert Verifying(forge).verify(forge.token(aud=audience)) == SPRING


def test_no_forged_grant_is_accepted() -> None:
    forge = GrantForge()
    verifier = Verifying(forge)
    tokens = {
        # Grants name no admin: they need not have these claims.
        **{trick: token for trick, token in forgeries(forge, NOON).items() if not trick.startswith("incomplete: ")},
        "an admin's type": forge.token({"typ": "at+jwt"}),
        "another type": forge.token({"typ": "grant"}),
        "for others": forge.token(aud=["gateway", "quiz", "auth"]),
        "without a fingerprint": forge.token(key=absent),
        "several fingerprints": forge.token(key=["f" * 64]),
        "without an event": forge.token(sub=absent),
        "an event that is no text": forge.token(sub=1),
        "a service's": issue_service_token(SECRET, "gateway", "content", NOON),
    }
    del tokens["of_another_kind: typ 'grant+jwt'"]

    accepted = []
    for trick, token in tokens.items():
        try:
            accepted.append((trick, verifier.verify(token)))
        except Unauthorized:
            continue
    assert accepted == []


def test_a_grant_is_no_admin_s_token() -> None:
    forge, admins = GrantForge(), Forge(audience="content")
    admins.private_key = forge.private_key
    verifier = Verifying(forge)
    assert asyncio.run(verifier.admins.verify(admins.token())).id == "admin-1"
    assert verifier.verify(forge.token()) == SPRING
    # Both kinds are verified with keys that were fetched once.
    assert verifier.auth.requests == 1
    with pytest.raises(Unauthorized):
        asyncio.run(verifier.admins.verify(forge.token(username="ada", role="admin", roles=["owner"], sid="s")))


def test_a_grant_ends_with_its_signing_key_and_not_with_a_session() -> None:
    forge = GrantForge()
    verifier = Verifying(forge)
    verifier.auth.revoked = Revoked(sessions=frozenset({"session-1"}))
    assert verifier.verify(forge.token()) == SPRING
    verifier.auth.revoked = Revoked(keys=frozenset({forge.key_id}))
    with pytest.raises(Unauthorized):
        verifier.verify(forge.token())
