"""Every example of the document, sent to a new installation of the demo season."""

import orjson
import pytest

from tests.contract.openapi import GATEWAY, Contract
from tests.installation import Installation
from tests.tools.record import WRITTEN_BY_HAND
from tests.tools.walk import Taken, same_form, walk

pytestmark = pytest.mark.full

STALE = "its example has another form: run `make openapi-examples`"


def test_every_example_works_on_the_demo_season(demo: Installation) -> None:
    contract = Contract(GATEWAY, general=(), closed=True)
    with demo.client() as client:
        document = orjson.loads(client.get("/openapi.json").content)
        walked: set[str] = set()
        for taken in walk(document, client):
            walked.add(taken.step.id)
            assert taken.response.status_code == taken.step.success[0], f"{taken.step.id}: {taken.response.text}"
            contract.check(taken.response)
            assert_as_shown(taken)
    assert walked == {
        item[method]["operationId"]
        for item in document["paths"].values()
        for method in item
        if "operationId" in item[method]
    }


def assert_as_shown(taken: Taken) -> None:
    """Compare the response with the one that the document shows: its members, or the first line of a text."""
    media_type = taken.response.headers.get("Content-Type", "").partition(";")[0]
    if not media_type or taken.step.id == WRITTEN_BY_HAND:
        return
    shown = taken.step.success[1]["content"][media_type]["example"]
    if media_type == "application/json":
        assert same_form(shown, taken.response.json()), f"{taken.step.id}: {STALE}"
    else:
        assert taken.response.text.startswith(shown), f"{taken.step.id}: {STALE}"
