"""The hard yardstick: Falcon with one resource and no middleware, under the server settings of the stack."""

import falcon.asgi


class Bare:
    """/"""

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Respond with a fixed document."""
        response.content_type = "application/json"
        response.data = b'{"status":"ok"}'


app = falcon.asgi.App()
app.add_route("/", Bare())
