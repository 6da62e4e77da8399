"""The request to follow content at once."""

from falcon.asgi import Request, Response

from services.kit.storage.use_cases import UseCases
from services.kit.web.documents import write_json
from services.quiz.following import Follower


class CatchUp:
    """/internal/catch-up: the gateway calls it after a deletion, so that the quizzes are gone at once."""

    def __init__(self, follower: Follower, use_cases: UseCases):
        self._follower = follower
        self._run = use_cases.run

    async def on_post(self, request: Request, response: Response) -> None:
        """Apply every change of content's feed so far; repeating it is harmless."""
        write_json(response, {"changes": await self._run(self._follower.catch_up)})
