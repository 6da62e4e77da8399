"""The published keys."""

from falcon.asgi import Request, Response

from services.auth.resources.resource import AuthResource
from services.kit.web.documents import write_json


class PublishedKeys(AuthResource):
    """/.well-known/jwks.json."""

    async def on_get(self, request: Request, response: Response) -> None:
        """Return the public keys that verify access tokens."""
        write_json(response, await self._run(self._service.keys.published))
