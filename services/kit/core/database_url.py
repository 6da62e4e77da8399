"""The database URLs that this system can open; nothing here opens one."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_FORMS = "the database URL must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"


class DatabaseUrlError(ValueError):
    """The URL names no database that this system can open."""


@dataclass(frozen=True)
class DatabaseUrl:
    """A database URL that was read: SQLite's `file`, or PostgreSQL's `server`, a URL for libpq."""

    file: Path = Path()
    server: str | None = None


def read_database_url(url: str) -> DatabaseUrl:
    """Read `sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://...`.

    Raises DatabaseUrlError for anything else.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # A bracket in a password that is not percent-encoded.
        raise DatabaseUrlError(_FORMS) from None
    # With two slashes the first folder would be read as a host and lost.
    if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1 and parts.path != "/:memory:":
        return DatabaseUrl(file=Path(parts.path[1:]))
    if parts.scheme in ("postgresql", "postgres") and len(parts.path) > 1:
        return DatabaseUrl(server=url.replace("postgres://", "postgresql://", 1))
    raise DatabaseUrlError(_FORMS)
