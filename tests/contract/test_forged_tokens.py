"""Some hundred forged access tokens at a running gateway: it refuses each of them."""

from collections import Counter

import httpx
import pytest

from services.kit.core.instants import now
from tests.contract.tokens import Tokens
from tests.figures import Figure, figure
from tests.installation import Installation
from tests.kit.forgeries import forgeries

__all__ = ["figure"]

CLOSED = "connection closed"
# 401 and 403 are Flix's own; the HTTP server refuses a header that is too long, or closes the connection.
REFUSED = {"401", "403", "400", "431", CLOSED}


def answered(client: httpx.Client, token: str) -> str:
    """Return the status of an admin's request with this token."""
    try:
        return str(client.get("/api/events", headers=[(b"Authorization", b"Bearer " + token.encode())]).status_code)
    except httpx.TransportError:
        return CLOSED


@pytest.mark.full
def test_the_gateway_refuses_every_forged_token_and_accepts_the_original(
    stack: Installation, tokens: Tokens, figure: Figure
) -> None:
    forge = tokens.forge()
    made = forgeries(forge, now())

    # Not the judged client: the HTTP server answers some of these requests.
    with stack.client() as client:
        answers = {trick: answered(client, token) for trick, token in made.items()}
        untouched = answered(client, forge.token())

    assert {trick: response for trick, response in answers.items() if response not in REFUSED} == {}
    # Flix itself refuses every token that fits into a header.
    assert sum(response in ("401", "403") for response in answers.values()) >= 300
    assert untouched == "200"
    figure(f"{len(made)} forged tokens at the gateway: {dict(Counter(answers.values()))}")
