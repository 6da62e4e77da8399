"""Where materials may be, over HTTP: managed, at hosts of the public network; locally, at any."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.content.client import SETTINGS, Client, content_app
from tests.content.hostile_addresses import GOOD_ADDRESSES, HOSTILE_ADDRESSES, LOCAL_ADDRESSES, WRITTEN_OTHERWISE
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import LESSON, NEW_FILE, everything
from tests.matching import Matching
from tests.refusals import Answer, invalid

MATERIALS = f"{LESSON}/materials"
FLAWS = (
    "must be an http or https address",
    "must not contain a user name or a password",
    "must be at a public host: not a local or private one, and written in the usual way",
    "must not contain control characters",
)


@pytest.fixture
def managed(store: InMemoryContentStore) -> Iterator[Client]:
    """A client of content in the managed profile."""
    with Client.of(content_app(store, settings=replace(SETTINGS, profile="managed"))) as client:
        yield client


def attach(client: Client, *addresses: str) -> Answer:
    """The answer to so many files in one request."""
    return client.admin("POST", MATERIALS, {"files": [{**NEW_FILE, "downloadUrl": each} for each in addresses]})


def attached(client: Client) -> list[Any]:
    """Where the lesson's materials are."""
    return [item["downloadUrl"] for item in client.admin("GET", MATERIALS).document["items"]]


def test_no_hostile_address_is_taken_in_the_managed_profile(managed: Client, store: InMemoryContentStore) -> None:
    assert len(set(HOSTILE_ADDRESSES)) >= 200
    before = everything(store)

    for address in HOSTILE_ADDRESSES:
        answer = attach(managed, address)

        assert answer in [invalid({"files": [f"0.downloadUrl: {flaw}"]}) for flaw in FLAWS], address
    assert everything(store) == before


def test_one_hostile_address_keeps_all_files_of_its_request_out_and_is_named(
    managed: Client, store: InMemoryContentStore
) -> None:
    before = everything(store)

    answer = attach(managed, GOOD_ADDRESSES[0], "http://127.1/a.pdf", GOOD_ADDRESSES[1], "http://a:b@files.example/")

    assert answer == invalid({"files": [f"1.downloadUrl: {FLAWS[2]}", f"3.downloadUrl: {FLAWS[1]}"]})
    assert everything(store) == before


@pytest.mark.parametrize("profile", ["managed", "client"])
def test_every_good_address_is_taken_as_it_is_written(profile: str, request: pytest.FixtureRequest) -> None:
    client: Client = request.getfixturevalue(profile)
    assert len(set(GOOD_ADDRESSES)) >= 30
    before = attached(client)

    for address in GOOD_ADDRESSES:
        assert attach(client, f" {address}\t").status == 201, address

    assert attached(client) == [*before, *GOOD_ADDRESSES]


def test_developers_may_have_their_files_on_their_own_machines(client: Client) -> None:
    before = attached(client)

    for address in LOCAL_ADDRESSES:
        assert attach(client, address).status == 201, address

    assert attached(client) == [*before, *LOCAL_ADDRESSES]


def test_even_for_developers_an_address_is_http_without_credentials_and_written_in_one_way(
    client: Client, store: InMemoryContentStore
) -> None:
    before = everything(store)

    for address in WRITTEN_OTHERWISE:
        assert attach(client, address) == invalid({"files": [Matching("0.downloadUrl: must .+")]}), address

    assert everything(store) == before
