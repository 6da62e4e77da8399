"""Quizzes of lessons as learners see them, kept in memory and never wrong: quiz says which version a lesson has."""

from gateway.memory import (
    CACHE_REQUESTS,
    REPEATED,
    AskVersion,
    RememberedResponse,
    TimedResponse,
    remembered_responses,
    timed_now,
    to_this_request,
)
from gateway.shared_calls import SharedCalls
from gateway.upstream import Upstream, UpstreamResponse
from services.kit.core.recently_used import RecentlyUsed

_HIT, _MISS = ("quiz", "hit"), ("quiz", "miss")


class QuizMemory:
    """Asks quiz for learners, once for all who ask for the same lesson, and repeats what still holds."""

    def __init__(self, quiz: Upstream, ask_version: AskVersion, maximum_bytes: int):
        self._quiz = quiz
        self._versions = SharedCalls(ask_version)
        self._fetches = SharedCalls(self._fetch)
        self._responses = remembered_responses(maximum_bytes)

    async def respond(self, path: str) -> TimedResponse:
        """Return quiz's response to a GET of this path, as it is after the request has arrived. Raise as a call does.

        Content has admitted the learner: to all of them the response is the same.
        """
        remembered = await self._remembered(path)
        CACHE_REQUESTS.add(_MISS if remembered is None else _HIT)
        return to_this_request(remembered or timed_now(await self._fetches(path)))

    @property
    def responses(self) -> RecentlyUsed[str, RememberedResponse]:
        """The responses that are kept."""
        return self._responses

    async def _remembered(self, path: str) -> TimedResponse | None:
        known = self._responses.get(path)
        if known is None:
            return None
        version = await self._versions(f"{path}/version")
        return known.timed(version.at) if version is not None and known.freshness.holds(version) else None

    async def _fetch(self, path: str) -> UpstreamResponse:
        response = await self._quiz.call("GET", path)
        if response.freshness is not None and response.status in REPEATED:
            self._responses.put(path, RememberedResponse(response, response.freshness))
        return response
