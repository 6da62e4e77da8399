"""Forged access tokens at the verifier: hundreds of tricks, and none is accepted."""

import asyncio
from collections import Counter

from services.kit.core.errors import Forbidden, ServiceError, Unauthorized
from tests.clock import NOON
from tests.figures import Figure, figure
from tests.kit.forgeries import forgeries
from tests.kit.forging import BAD_ACCESS_TOKENS, Forge
from tests.kit.web.tokens.fake_auth import ADA, FakeAuth

__all__ = ["figure"]

REFUSED = {"error": "UNAUTHORIZED", "message": "A valid bearer token is required", "requestId": "r"}


def results(auth: FakeAuth, tokens: list[str]) -> list[object]:
    async def verify_all() -> list[object]:
        verifier = auth.verifier()
        return await asyncio.gather(*(verifier.verify(token) for token in tokens), return_exceptions=True)

    return asyncio.run(verify_all())


def test_no_forged_token_is_accepted_and_the_unchanged_one_is(figure: Figure) -> None:
    forge = Forge()
    auth = FakeAuth(forge)
    tokens = {**forgeries(forge, NOON), **{name: make(forge) for name, make in BAD_ACCESS_TOKENS.items()}}

    actual = dict(zip(tokens, results(auth, list(tokens.values())), strict=True))

    kinds = {trick: type(result) for trick, result in actual.items()}
    assert {trick: kind for trick, kind in kinds.items() if kind not in (Unauthorized, Forbidden)} == {}
    # Forbidden only for a valid token with a role that we do not know.
    roles = ("incomplete: role ", "incomplete: roles [")
    assert [trick for trick, kind in kinds.items() if kind is Forbidden and not trick.startswith(roles)] == []
    # The error does not say what is wrong with the token.
    errors = [error for error in actual.values() if isinstance(error, ServiceError)]
    assert all(error.envelope("r") == REFUSED for error in errors if isinstance(error, Unauthorized))
    # Nobody asks auth for revocations because of a token that auth has not signed.
    assert auth.revocation_requests == 0
    assert results(auth, [forge.token()]) == [ADA]
    figure(f"{len(tokens)} forged tokens at the verifier: {dict(Counter(kind.__name__ for kind in kinds.values()))}")


def test_all_forgeries_differ_from_each_other_and_from_the_valid_token() -> None:
    forge = Forge()
    tokens = forgeries(forge, NOON).values()

    assert len(set(tokens)) == len(tokens) >= 300
    assert forge.token() not in tokens
