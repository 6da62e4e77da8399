"""services.kit.web.tokens against forged access tokens: some hundred tricks, and not one of them opens anything."""

import asyncio
from collections import Counter

from services.kit.core.errors import Forbidden, Unauthorized
from services.kit.web.tokens.access import AccessTokenVerifier, Admin
from tests.clock import NOON
from tests.figures import Figure, figure
from tests.kit.forgeries import forgeries
from tests.kit.forging import Forge, nothing_revoked

__all__ = ["figure"]


def judged(forge: Forge, *tokens: str) -> list[Admin | str]:
    """The admin behind each token, or the name of what refused it."""

    async def keys() -> object:
        return forge.key_set()

    async def judge() -> list[Admin | str]:
        verifier = AccessTokenVerifier(keys, "quiz", nothing_revoked, lambda: NOON)
        results: list[Admin | str] = []
        for token in tokens:
            try:
                results.append(await verifier.verify(token))
            except Exception as error:
                results.append(type(error).__name__)
        return results

    return asyncio.run(judge())


def test_no_forged_token_is_accepted_and_the_untouched_one_is(figure: Figure) -> None:
    forge = Forge()
    made = forgeries(forge, NOON)

    results = dict(zip(made, judged(forge, *made.values()), strict=True))

    refused = {Unauthorized.__name__, Forbidden.__name__}
    assert {trick: result for trick, result in results.items() if result not in refused} == {}
    assert judged(forge, forge.token()) == [Admin("admin-1", "ada", "owner", "session-1")]
    figure(f"{len(made)} forged tokens at the verifier: {dict(Counter(map(str, results.values())))}")


def test_a_token_is_good_from_its_nbf_on_and_five_seconds_before_for_clocks_that_differ() -> None:
    forge, at = Forge(), int(NOON.timestamp())
    ada = Admin("admin-1", "ada", "owner", "session-1")

    judgements = judged(forge, *(forge.token(nbf=at + seconds) for seconds in (-3600, 0, 5, 6, 60)))

    assert judgements == [ada, ada, ada, "Unauthorized", "Unauthorized"]


def test_every_forgery_is_another_one_and_none_is_the_real_token() -> None:
    forge = Forge()
    made = forgeries(forge, NOON)

    assert len(set(made.values())) == len(made) >= 300
    assert forge.token() not in made.values()
