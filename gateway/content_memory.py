"""Content's responses to learners, kept in memory and never wrong (docs/decisions/101-responses-from-memory.md).

A response is repeated only at a version of content that was read after the request had arrived: so a write that was
acknowledged is seen by the next read, through whichever worker, replica or machine. Times come from content's clock.
The rules stay in content: it says at which times a response holds, and whom it admits.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import orjson

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
from gateway.shared_calls import SharedCall, SharedCalls
from gateway.upstream import JSON, Upstream, UpstreamRequest, UpstreamResponse
from services.kit.core.errors import Unauthorized, Unavailable, UnsupportedMedia, UpstreamTimeout
from services.kit.core.recently_used import RecentlyUsed
from services.kit.web.bodies import is_too_deep, require_json
from services.kit.web.freshness import Version
from services.kit.web.judgements import KeyJudgement
from services.kit.web.tokens.claims import read_header, read_unverified_claims
from services.kit.web.tokens.revocation import Revocations

_HIT, _MISS = ("content", "hit"), ("content", "miss")

VERSION = "/internal/version"
# About 400 bytes each.
MAXIMUM_ADMISSIONS = 50_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """The key and the grant of a learner's request: of its body and headers content reads nothing else."""

    key: str | None
    grant: str | None

    @property
    def digest(self) -> bytes:
        """A hash of them, so that the memory holds no secret; empty without any."""
        if self.key is None and self.grant is None:
            return NOBODY
        return hashlib.sha256(repr((self.key, self.grant)).encode()).digest()


NOBODY = b""


@dataclass(frozen=True, slots=True)
class Admission:
    """Credentials that content has admitted to an event, at a state of its records and with the judgement of the key.

    It ends at `until`, in milliseconds since the epoch, and when the key that signed the grant is revoked.
    """

    state: str
    key: KeyJudgement | None
    until: float = float("inf")
    signing_key: str | None = None

    def holds(self, version: Version) -> bool:
        """Return whether content would admit them at this version, which is read later."""
        return self.state == version.state and version.at < self.until


class _Question(NamedTuple):
    """A learner's request to content: the event's slug, the address, and the learner's credentials."""

    event: str
    path: str
    credentials: Credentials
    digest: bytes


class ContentMemory:
    """Asks content for learners, once for all who ask the same, and repeats what still holds.

    It keeps `maximum_bytes` of responses. While content does not respond, public events are repeated for
    `stale_seconds` at the last version that content has sent; `elapsed` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        content: Upstream,
        ask_version: AskVersion,
        revocations: Revocations,
        maximum_bytes: int,
        stale_seconds: int = 0,
        elapsed: Callable[[], float] = time.monotonic,
    ):
        self._content = content
        self._ask_version = ask_version
        self._revocations = revocations
        self._stale_seconds = stale_seconds
        self._elapsed = elapsed
        self._version = SharedCall(self._read_version)
        # The version that content sent last, and when.
        self._last: tuple[Version, float] | None = None
        self._fetches = SharedCalls(self._fetch)
        # Of opened events; and of private ones, for those who send no key and no grant.
        self._opened = remembered_responses(maximum_bytes)
        self._refused = remembered_responses(maximum_bytes)
        self._admissions: RecentlyUsed[tuple[str, bytes], Admission] = RecentlyUsed(MAXIMUM_ADMISSIONS)

    async def respond(self, event: str, path: str, request: UpstreamRequest, grant: str | None) -> TimedResponse:
        """Return content's response at `path`, of the event with that slug, as it is after the request has arrived.

        Raise what a call of content raises. The caller applies the limits of guesses to the judgement.
        """
        credentials = _credentials(request, grant)
        if credentials is None:
            # Content says what is wrong with the request. The service token replaces the learner's token.
            return timed_now(await self._content.call("POST", path, replace(request, learner_grant=grant)))
        question = _Question(event, path, credentials, credentials.digest)
        remembered = await self._remembered(question)
        CACHE_REQUESTS.add(_MISS if remembered is None else _HIT)
        return to_this_request(remembered or timed_now(await self._fetches(question)))

    @property
    def responses(self) -> Mapping[str, RecentlyUsed[str, RememberedResponse]]:
        """The responses that are kept, of opened events and refusals."""
        return {"content": self._opened, "content-refusals": self._refused}

    async def _remembered(self, question: _Question) -> TimedResponse | None:
        event, path, _credentials, digest = question
        admission = self._admissions.get((event, digest))
        known = self._opened.get(path) if admission is not None else None
        if known is None and digest == NOBODY:
            admission, known = None, self._refused.get(path)
        if known is None:
            return None
        version, age = await self._version_for(event)
        if version is None or not known.freshness.holds(version):
            return None
        timed = known.timed(version.at)
        response = timed.response
        if age is not None:
            response = replace(response, headers={**response.headers, "Age": str(age)})
            timed = timed._replace(response=response)
        if admission is None:
            return timed
        if not admission.holds(version) or await self._is_revoked(admission):
            return None
        if admission.key is None or response.judgement is None:
            return timed
        keyed = replace(response, judgement=replace(response.judgement, key=admission.key))
        return timed._replace(response=keyed)

    async def _version_for(self, event: str) -> tuple[Version | None, int | None]:
        """Return content's version now; or while it does not respond the last one, with its age in seconds.

        The last one is at content's time now, by this machine's monotonic clock. Raise as a call does.
        """
        try:
            return await self._version(), None
        except (Unavailable, UpstreamTimeout):
            public = self._admissions.get((event, NOBODY))
            if self._last is None or public is None:
                raise
            version, read_at = self._last
            seconds = self._elapsed() - read_at
            if seconds >= self._stale_seconds or not public.holds(version):
                raise
            return replace(version, at=version.at + int(seconds * 1000)), int(seconds)

    async def _read_version(self) -> Version | None:
        version = await self._ask_version(VERSION)
        self._last = None if version is None else (version, self._elapsed())
        return version

    async def _is_revoked(self, admission: Admission) -> bool:
        return admission.signing_key is not None and admission.signing_key in (await self._revocations()).keys

    async def _fetch(self, question: _Question) -> UpstreamResponse:
        credentials = question.credentials
        request = UpstreamRequest(
            "POST", question.path, body=_body(credentials), content_type=JSON, learner_grant=credentials.grant
        )
        response = await self._content.call("POST", question.path, request)
        if response.status in REPEATED:
            self._remember(question, response)
        return response

    def _remember(self, question: _Question, response: UpstreamResponse) -> None:
        event, path, credentials, digest = question
        judgement, freshness = response.judgement, response.freshness
        if judgement is None or freshness is None:
            return
        without_key = replace(response, judgement=replace(judgement, key=None))
        if not judgement.opened:
            if digest == NOBODY:
                self._refused.put(path, RememberedResponse(without_key, freshness))
            return
        admission = _admission(freshness.version.state, judgement.key, credentials.grant)
        if admission is not None:
            # A public event opens with any key, too, but not with a text that cannot be one.
            self._admissions.put((event, digest), admission)
            self._opened.put(path, RememberedResponse(without_key, freshness))


def _credentials(request: UpstreamRequest, grant: str | None) -> Credentials | None:
    """Return what content reads of the request; None when the body is no JSON object or its key no text."""
    body = request.body
    if not body.strip():
        return Credentials(None, grant)
    try:
        require_json(request.content_type)
        document = orjson.loads(body)
    except (UnsupportedMedia, orjson.JSONDecodeError):
        return None
    if not isinstance(document, dict) or is_too_deep(body, document):
        return None
    key = document.get("eventAccessKey")
    is_absent = "eventAccessKey" not in document
    return Credentials(key, grant) if is_absent or isinstance(key, str) else None


def _body(credentials: Credentials) -> bytes:
    return b"" if credentials.key is None else orjson.dumps({"eventAccessKey": credentials.key})


def _admission(state: str, key: KeyJudgement | None, grant: str | None) -> Admission | None:
    """Return the admission; None where it may change without a write: a grant is not known yet, or cannot be read."""
    if grant is None:
        return Admission(state, key)
    if key is not None:
        return None
    try:
        signing_key, expires = read_header(grant).get("kid"), read_unverified_claims(grant).get("exp")
    except Unauthorized:
        return None
    if not isinstance(signing_key, str) or not isinstance(expires, int):
        return None
    return Admission(state, None, expires * 1000, signing_key)
