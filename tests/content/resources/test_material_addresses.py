"""The hosts of materials: of the public network in the managed profile, any in the local one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.content.client import SETTINGS, Client, content_app
from tests.content.hostile_addresses import GOOD_ADDRESSES, HOSTILE_ADDRESSES, LOCAL_ADDRESSES, WRITTEN_OTHERWISE
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import LESSON, NEW_FILE, everything
from tests.matching import Matching
from tests.refusals import Response, invalid

MATERIALS = f"{LESSON}/materials"
FLAWS = (
    "must be an http or https address",
    "must not contain a user name or a password",
    "must be at a public host: not a local or private one, and written in the usual way",
    "must not contain control characters",
)


@pytest.fixture
def managed(store: InMemoryContentStore) -> Iterator[Client]:
    """Return a client of content in the managed profile."""
    with Client.of(content_app(store, settings=replace(SETTINGS, profile="managed"))) as client:
        yield client


def attach(client: Client, *addresses: str) -> Response:
    """Attach a file at each address, in one request."""
    return client.admin("POST", MATERIALS, {"files": [{**NEW_FILE, "downloadUrl": each} for each in addresses]})


def addresses_of(client: Client) -> list[Any]:
    """Return the addresses of the lesson's materials."""
    return [item["downloadUrl"] for item in client.admin("GET", f"{MATERIALS}?limit=100").document["items"]]


def test_the_managed_profile_takes_no_hostile_address(managed: Client, store: InMemoryContentStore) -> None:
    assert len(set(HOSTILE_ADDRESSES)) >= 200
    before = everything(store)

    for address in HOSTILE_ADDRESSES:
        answer = attach(managed, address)

        assert answer in [invalid({"files": [f"0.downloadUrl: {flaw}"]}) for flaw in FLAWS], address
    assert everything(store) == before


def test_one_hostile_address_refuses_all_files_of_its_request(managed: Client, store: InMemoryContentStore) -> None:
    before = everything(store)

    answer = attach(managed, GOOD_ADDRESSES[0], "http://127.1/a.pdf", GOOD_ADDRESSES[1], "http://a:b@files.example/")

    assert answer == invalid({"files": [f"1.downloadUrl: {FLAWS[2]}", f"3.downloadUrl: {FLAWS[1]}"]})
    assert everything(store) == before


@pytest.mark.parametrize("profile", ["managed", "client"])
def test_every_good_address_is_stored_as_it_is_written(profile: str, request: pytest.FixtureRequest) -> None:
    client: Client = request.getfixturevalue(profile)
    assert len(set(GOOD_ADDRESSES)) >= 30
    before = addresses_of(client)

    for address in GOOD_ADDRESSES:
        assert attach(client, f" {address}\t").status == 201, address

    assert addresses_of(client) == [*before, *GOOD_ADDRESSES]


def test_the_local_profile_takes_local_addresses(client: Client) -> None:
    before = addresses_of(client)

    for address in LOCAL_ADDRESSES:
        assert attach(client, address).status == 201, address

    assert addresses_of(client) == [*before, *LOCAL_ADDRESSES]


def test_the_local_profile_takes_no_ambiguous_address(client: Client, store: InMemoryContentStore) -> None:
    before = everything(store)

    for address in WRITTEN_OTHERWISE:
        assert attach(client, address) == invalid({"files": [Matching("0.downloadUrl: must .+")]}), address

    assert everything(store) == before
