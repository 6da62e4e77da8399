"""What all services say about one thing, joined: what is wrong with what they store, and what was done there."""

import asyncio
from collections.abc import Sequence
from heapq import merge
from typing import Any
from urllib.parse import parse_qs

from gateway.upstream import HTTP_OK, Answer, Sent, Upstream, Upstreams, answer_with
from services.kit.core.errors import ServiceError, ValidationFailed
from services.kit.core.instants import parse_instant, to_milliseconds
from services.kit.web.pages import DEFAULT_LIMIT, PageRequest, SortKey, page_of

# The worst first.
INTEGRITY_STATUSES = ("findings", "unavailable", "running", "ok")


async def integrity(upstreams: Upstreams, sent: Sent) -> Answer:
    """What every service finds wrong with what it stores, as far as it has got.

    ``{"item": {"status": STATUS, "services": {"content": REPORT, "quiz": REPORT, "auth": REPORT}}}``, where a REPORT is
    what GET /internal/integrity of that service answers, or ``{"status": "unavailable"}``; the STATUS of all is the
    first of findings, unavailable, running and ok that one of them has.
    """
    services = _services(upstreams)
    reports = await asyncio.gather(*(_report(upstream) for upstream in services.values()))
    found = {report["status"] for report in reports}
    # One that is not known here is of another version, during a redeployment.
    status = next((each for each in INTEGRITY_STATUSES if each in found), "unavailable")
    return answer_with({"item": {"status": status, "services": dict(zip(services, reports, strict=True))}})


async def audit(upstreams: Upstreams, sent: Sent) -> Answer:
    """What was done in all services, newest first; the query's `service` asks one of them alone.

    ``{"items": [{"id", "occurredAt", "service", "actor": {"id", "username", "role"} | null, "address", "requestId",
    "action", "subjectId"}, ...], "nextCursor"}``. Raises ValidationFailed for another `service`, and Unavailable,
    UpstreamTimeout when one that is asked does not answer: a list without it would look whole.
    """
    query = parse_qs(sent.query, keep_blank_values=True)
    asked = _audited(upstreams, query.get("service"))
    answers = await asyncio.gather(*(upstream.call("GET", "/internal/audit", sent) for upstream in asked))
    for answer in answers:
        if answer.status != HTTP_OK:
            # All judge the same query, and alike.
            return answer
    # Whoever answers has read the limit.
    limit = int(query.get("limit", [str(DEFAULT_LIMIT)])[0])
    return answer_with(_merged([answer.document() for answer in answers], limit))


def _services(upstreams: Upstreams) -> dict[str, Upstream]:
    return {"content": upstreams.content, "quiz": upstreams.quiz, "auth": upstreams.auth}


def _audited(upstreams: Upstreams, named: Sequence[str] | None) -> Sequence[Upstream]:
    services = _services(upstreams)
    if named is None:
        return list(services.values())
    if len(named) > 1 or named[0] not in services:
        raise ValidationFailed({"service": [f"must be one of {', '.join(services)}"]})
    return [services[named[0]]]


def _merged(pages: Sequence[Any], limit: int) -> dict[str, Any]:
    """The first items of pages that are each the first of their service in the same order, behind the same place."""
    items = list(merge(*(page["items"] for page in pages), key=_entry_key, reverse=True))
    page = page_of(items, PageRequest(limit), _entry_key)
    # Where all of them fit and one service still has more, the page is all that one's, and so is the cursor.
    of_one = next((page["nextCursor"] for page in pages if page["nextCursor"] is not None), None)
    return {"items": page.items, "nextCursor": page.next_cursor or of_one}


def _entry_key(entry: dict[str, Any]) -> SortKey:
    return (to_milliseconds(parse_instant(entry["occurredAt"])), entry["id"])


async def _report(upstream: Upstream) -> dict[str, Any]:
    try:
        answer = await upstream.call("GET", "/internal/integrity")
    except ServiceError:
        return {"status": "unavailable"}
    report: dict[str, Any] = answer.document()["item"] if answer.status == HTTP_OK else {"status": "unavailable"}
    return report
