"""Content's responses to learners, kept in memory and never wrong (docs/decisions/101-responses-from-memory.md).

A response is repeated only at a version of content that was read after the request had arrived: so a write that was
acknowledged is seen by the next read, through whichever worker, replica or machine. Times come from content's clock.
The rules stay in content: it says at which times a response holds, and whom it admits.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, NamedTuple, TypeVar

import orjson

from gateway.shared_calls import SharedCall
from gateway.upstream import (
    HTTP_FORBIDDEN,
    HTTP_NOT_FOUND,
    HTTP_OK,
    JSON,
    Upstream,
    UpstreamRequest,
    UpstreamResponse,
)
from services.kit.core.errors import Unauthorized, UnsupportedMedia
from services.kit.core.instants import format_instant, from_milliseconds
from services.kit.core.logging import current_request_id
from services.kit.web.bodies import is_too_deep, require_json
from services.kit.web.freshness import Freshness, Version, version_of
from services.kit.web.judgements import KeyJudgement
from services.kit.web.tokens.claims import read_header, read_unverified_claims
from services.kit.web.tokens.revocation import Revocations

VERSION = "/internal/version"
REPEATED = (HTTP_OK, HTTP_FORBIDDEN, HTTP_NOT_FOUND)
# Of a worker. Most responses have 1 to 10 KB.
MAXIMUM_RESPONSES = 10_000
MAXIMUM_RESPONSE_BYTES = 32 * 1024 * 1024
# About 400 bytes each.
MAXIMUM_ADMISSIONS = 50_000

Key = TypeVar("Key")
Value = TypeVar("Value")


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


class RememberedResponse:
    """A response of content, which may show content's time in some places."""

    def __init__(self, response: UpstreamResponse, freshness: Freshness):
        self.freshness = freshness
        self._response = response
        # A JSON string cannot contain this text, because of its quotes.
        self._parts = response.body.split(_server_time(freshness.version.at))
        self._rendered = (freshness.version.at, response)

    @property
    def size(self) -> int:
        """The bytes of the body."""
        return len(self._response.body)

    def at(self, milliseconds: int) -> UpstreamResponse:
        """Return the response at that time of content's clock. Those who share a version share the response."""
        rendered_at, rendered = self._rendered
        if rendered_at == milliseconds or len(self._parts) == 1:
            return rendered
        rendered = replace(self._response, body=_server_time(milliseconds).join(self._parts))
        self._rendered = (milliseconds, rendered)
        return rendered


class RecentlyUsed(Generic[Key, Value]):
    """A mapping that forgets what was used least recently when its values have more than `maximum` in all."""

    def __init__(self, maximum: int, size: Callable[[Value], int]):
        self._maximum = maximum
        self._size = size
        self._total = 0
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """Return the value, which counts as used now."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Set the value."""
        self.remove(key)
        self._values[key] = value
        self._total += self._size(value)
        while self._total > self._maximum:
            self.remove(next(iter(self._values)))

    def remove(self, key: Key) -> None:
        """Forget the value."""
        value = self._values.pop(key, None)
        self._total -= 0 if value is None else self._size(value)


class _Question(NamedTuple):
    """A learner's request to content: the event's slug, the address, and the learner's credentials."""

    event: str
    path: str
    credentials: Credentials
    digest: bytes


class ContentMemory:
    """Asks content for learners, once for all who ask the same, and repeats what still holds."""

    def __init__(self, content: Upstream, revocations: Revocations):
        self._content = content
        self._revocations = revocations
        self._version = SharedCall(self._read_version)
        self._fetches: dict[_Question, SharedCall[UpstreamResponse]] = {}
        # Of opened events; and of private ones, for those who send no key and no grant.
        self._opened: RecentlyUsed[str, RememberedResponse] = _responses()
        self._refused: RecentlyUsed[str, RememberedResponse] = _responses()
        self._admissions: RecentlyUsed[tuple[str, bytes], Admission] = RecentlyUsed(MAXIMUM_ADMISSIONS, lambda _one: 1)

    async def call(self, event: str, path: str, request: UpstreamRequest, grant: str | None) -> UpstreamResponse:
        """Return content's response at `path`, of the event with that slug, as it is after the request has arrived.

        Raise what a call of content raises. The caller applies the limits of guesses to the judgement.
        """
        credentials = _credentials(request, grant)
        if credentials is None:
            # Content says what is wrong with the request. The service token replaces the learner's token.
            return await self._content.call("POST", path, replace(request, learner_grant=grant))
        question = _Question(event, path, credentials, credentials.digest)
        return _to_this_request(await self._remembered(question) or await self._fetch(question, request))

    async def _remembered(self, question: _Question) -> UpstreamResponse | None:
        event, path, _credentials, digest = question
        admission = self._admissions.get((event, digest))
        known = self._opened.get(path) if admission is not None else None
        if known is None and digest == NOBODY:
            admission, known = None, self._refused.get(path)
        if known is None:
            return None
        version = await self._version()
        if version is None or not known.freshness.holds(version):
            return None
        response = known.at(version.at)
        if admission is None:
            return response
        if not admission.holds(version) or await self._is_revoked(admission):
            return None
        if admission.key is None or response.judgement is None:
            return response
        return replace(response, judgement=replace(response.judgement, key=admission.key))

    async def _is_revoked(self, admission: Admission) -> bool:
        return admission.signing_key is not None and admission.signing_key in (await self._revocations()).keys

    async def _read_version(self) -> Version | None:
        response = await self._content.call("GET", VERSION)
        # The release before has no versions.
        return version_of(response.document) if response.status == HTTP_OK else None

    async def _fetch(self, question: _Question, request: UpstreamRequest) -> UpstreamResponse:
        shared = self._fetches.get(question)
        if shared is None:
            credentials = question.credentials
            same_for_all = replace(request, body=_body(credentials), content_type=JSON, learner_grant=credentials.grant)
            # Forgotten when it rests, and not by those who asked: they may be gone.
            forget = partial(self._fetches.pop, question, None)
            shared = self._fetches[question] = SharedCall(partial(self._read, question, same_for_all), forget)
        return await shared()

    async def _read(self, question: _Question, request: UpstreamRequest) -> UpstreamResponse:
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


def _to_this_request(response: UpstreamResponse) -> UpstreamResponse:
    """Return the response with this request's id: a refusal shows that of the request for which content made it."""
    if response.status < HTTP_FORBIDDEN or "requestId" not in response.document:
        return response
    return replace(response, body=orjson.dumps({**response.document, "requestId": current_request_id()}))


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


def _responses() -> RecentlyUsed[str, RememberedResponse]:
    floor = MAXIMUM_RESPONSE_BYTES // MAXIMUM_RESPONSES
    return RecentlyUsed(MAXIMUM_RESPONSE_BYTES, lambda response: max(floor, response.size))


def _server_time(milliseconds: int) -> bytes:
    return b'"serverTime":"%s"' % format_instant(from_milliseconds(milliseconds)).encode()
