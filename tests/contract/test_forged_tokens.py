"""Forged access tokens at a running gateway: some hundred tricks, and not one of them opens anything."""

from collections import Counter

import httpx

from services.kit.core.instants import now
from tests.contract.tokens import Tokens
from tests.figures import Figure, figure
from tests.installation import Installation
from tests.kit.forgeries import forgeries

__all__ = ["figure"]

CLOSED = "connection closed"
# 401 and 403 are Flix's own; the HTTP server refuses a header that is too long, or hangs up over it.
REFUSED = {"401", "403", "400", "431", CLOSED}


def answered(client: httpx.Client, token: str) -> str:
    """The status of an admin's request with this token."""
    try:
        return str(client.get("/api/events", headers=[(b"Authorization", b"Bearer " + token.encode())]).status_code)
    except httpx.TransportError:
        return CLOSED


def test_no_forged_token_opens_the_gateway_and_the_untouched_one_does(
    stack: Installation, tokens: Tokens, figure: Figure
) -> None:
    forge = tokens.forge()
    made = forgeries(forge, now())

    # Not the judged client: not all of this is answered by Flix.
    with stack.client() as client:
        answers = {trick: answered(client, token) for trick, token in made.items()}
        untouched = answered(client, forge.token())

    assert {trick: response for trick, response in answers.items() if response not in REFUSED} == {}
    # What fits into a header is refused by Flix itself, and by nothing before it.
    assert sum(response in ("401", "403") for response in answers.values()) >= 300
    assert untouched == "200"
    figure(f"{len(made)} forged tokens at the gateway: {dict(Counter(answers.values()))}")
