"""services.auth.schemas: any document at all is read or refused."""

from typing import Any

from hypothesis import given

from services.auth.schemas import Credentials
from tests.documents import judged, nearly

GOOD = {"username": "admin", "password": " a password of some length "}


@given(nearly(GOOD))
def test_any_document_is_credentials_or_refused(document: Any) -> None:
    credentials = judged(Credentials, document)

    if isinstance(credentials, Credentials):
        assert credentials.username == credentials.username.strip()
        # A password is not touched.
        assert credentials.password == document["password"]


def test_the_good_document_is_good() -> None:
    assert judged(Credentials, GOOD) is not None
