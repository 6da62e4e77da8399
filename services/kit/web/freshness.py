"""How long a response of a service may be repeated from memory, told to the gateway in a header of each response."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

FRESHNESS_HEADER = "Freshness"


@dataclass(frozen=True, slots=True)
class Version:
    """The state of a service at one moment: of equal states the same request has the same response.

    `state` is an opaque text, which every write changes. `at` is the service's clock, in milliseconds since the epoch.
    """

    state: str
    at: int


@dataclass(frozen=True, slots=True)
class Freshness:
    """The version from which a response was made, and the times at which it would be the same but for its serverTime.

    These are the milliseconds from `since` until before `until`; None where there is no bound.
    """

    version: Version
    since: int | None = None
    until: int | None = None

    def holds(self, version: Version) -> bool:
        """Return whether the response would be the same at this version, which is read later."""
        return (
            self.version.state == version.state
            and (self.since is None or self.since <= version.at)
            and (self.until is None or version.at < self.until)
        )


def freshness_header(freshness: Freshness) -> str:
    """Return the text of the header."""
    return json.dumps(asdict(freshness))


def read_freshness(header: str | None) -> Freshness | None:
    """Return the freshness of a response with this header, None without one. Members of a later release are ignored."""
    if header is None:
        return None
    members = json.loads(header)
    return Freshness(version_of(members["version"]), members["since"], members["until"])


def version_of(document: dict[str, int | str]) -> Version:
    """Read a version from its JSON."""
    return Version(str(document["state"]), int(document["at"]))


def rendering_of(package: Path, *settings: object) -> str:
    """Return a name of the service's release and of the settings that its responses depend on."""
    parts = [*(source.read_bytes() for source in sorted(package.rglob("*.py"))), repr(settings).encode()]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]
