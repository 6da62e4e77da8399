"""Records that may be logged."""

from services.auth.entities import Invitation, IssuedGrant, SignIn
from tests.auth.examples import a_key, an_admin


def test_no_printed_record_shows_its_secret() -> None:
    admin = an_admin(password_hash="hidden")
    tokens = (SignIn(admin, "hidden", 900, "hidden", 86_400), IssuedGrant("hidden", 900), Invitation(admin, "hidden"))
    assert "hidden" not in repr((admin, a_key(private_key="hidden"), *tokens))
