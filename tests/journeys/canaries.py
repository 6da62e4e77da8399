"""Secrets that nothing else looks like, and the places where none of them may appear.

To add a secret: `Cage.new` for one that a test chooses, `Cage.catch` for one that Flix has made; `kept_in` and
`returned_by` say where it belongs. To add a place: another function that yields sightings, and its name in PLACES.
"""

import base64
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import httpx

from services.kit.storage.database import open_database
from tests.installation import SERVICES, Installation

NOWHERE: frozenset[str] = frozenset()
# Any token: header and claims of a JWT both begin with {" in base64 (RFC 7519, section 3.1).
_ANY_TOKEN = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}")


@dataclass(frozen=True)
class Canary:
    """A secret, and where it may appear.

    `kept_in` are columns, as service.table.column; `returned_by` matches the requests, as `METHOD /path`, whose answers
    give it by contract.
    """

    name: str
    text: str
    kept_in: frozenset[str] = NOWHERE
    returned_by: str = "none"

    def is_in(self, text: str) -> bool:
        """Tell whether the text contains it, in clear text or in base64."""
        return any(each in text for each in self._spellings())

    def _spellings(self) -> Iterator[str]:
        yield self.text
        # The first and the last characters hold bits of the neighbouring bytes.
        for shift, cut in enumerate((0, 2, 3)):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                yield encode(b"x" * shift + self.text.encode()).decode().rstrip("=")[cut:-2]


class Sighting(NamedTuple):
    """A canary and the place where it was found."""

    canary: str
    place: str


@dataclass
class Cage:
    """All canaries, requests and responses."""

    canaries: dict[str, Canary] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    # `METHOD /path` of the request, and the response with its headers.
    responses: list[tuple[str, str]] = field(default_factory=list)

    def new(self, name: str, kept_in: Iterable[str] = NOWHERE, returned_by: str = "none") -> str:
        """Return the test's secret of that name; create it the first time."""
        text = f"Canary-{re.sub(r'[^a-z]+', '-', name)}-{secrets.token_hex(8)}"
        return self.canaries.setdefault(name, Canary(name, text, frozenset(kept_in), returned_by)).text

    def catch(self, name: str, text: str, kept_in: Iterable[str] = NOWHERE, returned_by: str = "none") -> None:
        """Add a secret that Flix has created."""
        self.canaries[f"{name} {len(self.canaries)}"] = Canary(name, text, frozenset(kept_in), returned_by)

    def listen(self, client: httpx.Client) -> httpx.Client:
        """Record every request and response of the client."""

        def record_request(request: httpx.Request) -> None:
            self.sent.append(f"{request.url}\n{request.headers.raw}\n{request.read().decode(errors='replace')}")

        def record_response(response: httpx.Response) -> None:
            response.read()
            target = f"{response.request.method} {response.request.url.path}"
            self.responses.append((target, f"{response.headers.raw}\n{response.text}"))

        client.event_hooks = {"request": [record_request], "response": [record_response]}
        return client


def in_answers(cage: Cage, _stack: Installation) -> Iterator[Sighting]:
    """Search bodies, headers, error pages of the HTTP server and outputs of commands."""
    for target, response in cage.responses:
        for canary in cage.canaries.values():
            if canary.is_in(response):
                yield Sighting(canary.name, target)


def in_logs(cage: Cage, stack: Installation) -> Iterator[Sighting]:
    """Search the logs of every process."""
    for file in sorted(stack.logs.rglob("*")):
        if file.is_file():
            yield from _seen(cage, file.read_text(errors="replace"), f"log of {file.relative_to(stack.logs)}")


def in_databases(cage: Cage, stack: Installation) -> Iterator[Sighting]:
    """Search every column of every table of every service."""
    for service in SERVICES:
        for column, text in columns(stack, service):
            yield from _seen(cage, text, column)


def in_files(cage: Cage, stack: Installation) -> Iterator[Sighting]:
    """Search every other file, such as locks and heartbeats."""
    for file in sorted(stack.logs.parent.rglob("*")):
        if file.is_file() and ".sqlite" not in file.name and stack.logs not in file.parents:
            yield from _seen(cage, file.read_text(errors="replace"), f"file {file.name}")


PLACES: tuple[Callable[[Cage, Installation], Iterator[Sighting]], ...] = (in_answers, in_logs, in_databases, in_files)


def escaped(cage: Cage, stack: Installation) -> set[Sighting]:
    """Return the canaries that appear where they do not belong."""
    canaries = {canary.name: canary for canary in cage.canaries.values()}

    def belongs(seen: Sighting) -> bool:
        canary = canaries.get(seen.canary)
        return canary is not None and (
            seen.place in canary.kept_in or re.fullmatch(canary.returned_by, seen.place) is not None
        )

    return {seen for place in PLACES for seen in place(cage, stack) if not belongs(seen)}


def columns(stack: Installation, service: str) -> Iterator[tuple[str, str]]:
    """Yield each column as service.table.column, with its contents."""
    with closing(open_database(stack.environment[f"{service.upper()}_DATABASE_URL"])) as database:
        for table in database.get_tables():
            names = [each.name for each in database.get_columns(table)]
            rows = database.execute_sql(f'SELECT {", ".join(map(_quoted, names))} FROM "{table}"').fetchall()
            for place, name in enumerate(names):
                yield f"{service}.{table}.{name}", "\n".join(str(row[place]) for row in rows)


def private_keys(stack: Installation) -> Iterator[str]:
    """Yield auth's private keys that the database holds in clear text."""
    texts: Mapping[str, str] = dict(columns(stack, "auth"))
    for text in texts["auth.signing_keys.private_key"].splitlines():
        if text.startswith("{"):
            yield json.loads(text)["d"]


def sightings_in(cage: Cage, file: Path) -> list[Sighting]:
    """Return the sightings in one file."""
    return list(_seen(cage, file.read_text(), file.name))


def _seen(cage: Cage, text: str, place: str) -> Iterator[Sighting]:
    for canary in cage.canaries.values():
        if canary.is_in(text):
            yield Sighting(canary.name, place)
    if _ANY_TOKEN.search(text):
        yield Sighting("any token", place)


def _quoted(name: str) -> str:
    return f'"{name}"'
