"""What content tells the gateway, and nobody else, of a learner's request: in a header of each response to it."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

JUDGEMENT_HEADER = "Access-Judgement"


@dataclass(frozen=True, slots=True)
class KeyJudgement:
    """The judgement of an access key, for a request that rests on it: no valid grant and no public event opens it.

    A `stale` key was replaced within the last day. `digest` is a keyed digest of the key that was sent, `present` one
    of the key that the event has now; "" where no event was found.
    """

    verdict: Literal["right", "stale", "wrong"]
    digest: str
    present: str


@dataclass(frozen=True, slots=True)
class PresentAddress:
    """The slugs as they are stored now; `lesson_slug` is None where the address names no lesson."""

    event_slug: str
    lesson_slug: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The event and the lesson that were found, whether the event opens, and the judgement of the key if it matters.

    `present_address` is there when the address used a former slug, all that it names was found and the event opened.
    """

    event_id: str | None
    opened: bool
    key: KeyJudgement | None = None
    lesson_id: str | None = None
    present_address: PresentAddress | None = None


def judgement_header(judgement: Judgement) -> str:
    """Return the text of the header, in ASCII: ids are free text."""
    return json.dumps(asdict(judgement))


def read_judgement(header: str | None) -> Judgement | None:
    """Return the judgement of a response with this header, None without one. Members of a later release are ignored."""
    if header is None:
        return None
    members = json.loads(header)
    # A content of the release before does not tell the address.
    key, address = members["key"], members.get("present_address")
    return Judgement(
        members["event_id"],
        members["opened"],
        None if key is None else KeyJudgement(key["verdict"], key["digest"], key["present"]),
        members["lesson_id"],
        None if address is None else PresentAddress(address["event_slug"], address["lesson_slug"]),
    )
