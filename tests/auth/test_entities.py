"""services.auth.entities: records that may end up in a log."""

from services.auth.entities import SignIn
from tests.auth.examples import a_key, an_admin


def test_no_record_shows_its_secret_when_it_is_printed() -> None:
    admin = an_admin(password_hash="hidden")
    for record in (admin, a_key(private_key="hidden"), SignIn(admin, "hidden", 900, "hidden", 86_400)):
        assert "hidden" not in repr(record)
