"""The forms of database URL that this system supports. No connection is opened here."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_FORMS = "the database URL must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"


class DatabaseUrlError(ValueError):
    """The URL has none of the supported forms."""


@dataclass(frozen=True)
class DatabaseUrl:
    """A parsed database URL: the `file` of SQLite, or the `server` of PostgreSQL, a URL for libpq."""

    file: Path = Path()
    server: str | None = None


def sqlite_file(url: str) -> Path | None:
    """Return the file of a database URL that the settings have accepted; None for PostgreSQL."""
    found = read_database_url(url)
    return found.file if found.server is None else None


def read_database_url(url: str) -> DatabaseUrl:
    """Read `sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://...`.

    Raise DatabaseUrlError for anything else.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # such as a bracket in a password that is not percent-encoded
        raise DatabaseUrlError(_FORMS) from None
    # Refuse a host: with two slashes it would be the first folder of the path, and lost.
    if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1 and parts.path != "/:memory:":
        return DatabaseUrl(file=Path(parts.path[1:]))
    if parts.scheme in ("postgresql", "postgres") and len(parts.path) > 1:
        return DatabaseUrl(server=url.replace("postgres://", "postgresql://", 1))
    raise DatabaseUrlError(_FORMS)
