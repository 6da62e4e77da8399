"""Liveness: the process answers."""

import falcon.asgi

from services.kit.web.documents import write_json


class Live:
    """GET /health/live."""

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """200 as long as the event loop turns."""
        write_json(response, {"status": "ok"})
