"""Learner grants."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from services.auth.entities import IssuedGrant
from services.kit.web.schemas import Schema


class NewGrant(Schema):
    """The body of POST /internal/grants: an event and the fingerprint of its key, as content returns them."""

    event_id: Annotated[str, Field(min_length=1)]
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class GrantView(TypedDict):
    """A learner grant (RFC 6749 section 5.1, in camelCase)."""

    accessToken: str
    tokenType: Literal["Bearer"]
    expiresIn: Annotated[
        int, Field(ge=1, description="seconds for which the grant is valid; it ends with the access key as well")
    ]


def grant_view(grant: IssuedGrant) -> GrantView:
    """Return the grant."""
    return {"accessToken": grant.access_token, "tokenType": "Bearer", "expiresIn": grant.expires_in}
