"""Liveness of a process."""

import falcon.asgi

from services.kit.web.documents import write_json


class Live:
    """GET /health/live."""

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Respond with 200 while the event loop runs."""
        write_json(response, {"status": "ok"})
