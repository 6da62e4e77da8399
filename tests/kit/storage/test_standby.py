"""A real standby of PostgreSQL: it takes no writes until it is promoted."""

from contextlib import closing
from urllib.parse import urlsplit

import pytest

from services.kit.core.errors import ReadOnly
from services.kit.storage.database import open_database
from services.kit.storage.health import require_writes
from tests.postgresql import NoPostgresql, standby_of
from tests.without import do_without


@pytest.mark.full
def test_a_standby_takes_no_writes_until_it_is_promoted(postgresql_url: str) -> None:
    try:
        with standby_of(postgresql_url) as url, closing(open_database(url)) as standby:
            with pytest.raises(ReadOnly):
                require_writes(standby)
            # With both addresses, and this parameter, libpq finds the server that takes writes.
            user, _, place = urlsplit(url).netloc.rpartition("@")
            both = f"{user}@{place},{urlsplit(postgresql_url).netloc.rpartition('@')[2]}"
            parts = urlsplit(postgresql_url)._replace(netloc=both, query="target_session_attrs=read-write")
            with closing(open_database(parts.geturl())) as primary:
                require_writes(primary)
            standby.execute_sql("SELECT pg_promote()")
            require_writes(standby)
    except NoPostgresql as reason:
        do_without("PostgreSQL standby", str(reason))
