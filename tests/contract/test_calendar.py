"""The calendar of an event, as a program that subscribes to it reads it."""

import httpx
import vobject

from tests.contract.samples import PAST, lesson_address, new_event, new_lesson, private_event

FUTURE = "2100-01-01T09:00:00.000Z"


def read_entries(response: httpx.Response) -> list[tuple[str, str, str]]:
    """Return the UID, the SEQUENCE and the SUMMARY of each entry."""
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    entries = vobject.readOne(response.text).contents.get("vevent", [])
    return [(each.uid.value, each.sequence.value, each.summary.value) for each in entries]


def test_a_calendar_program_sees_each_edit_of_a_public_event(admin: httpx.Client, learner: httpx.Client) -> None:
    event = new_event(admin)
    address = f"/api/public/events/{event['slug']}/calendar.ics"
    assert read_entries(learner.get(address)) == []
    lesson = new_lesson(admin, event, title="The starter", releaseAt=FUTURE)
    first = learner.get(address)
    assert read_entries(first) == [(lesson["id"], "0", "The starter")]
    assert first.headers["cache-control"] == "public, no-cache"
    unchanged = learner.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")

    assert admin.put(lesson_address(lesson), json={"title": "The sour", "releaseAt": PAST}).status_code == 200

    second = learner.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert read_entries(second) == [(lesson["id"], "1", "The sour")]


def test_a_former_address_leads_on_as_long_as_the_event_is_public(admin: httpx.Client, learner: httpx.Client) -> None:
    event = new_event(admin)
    renamed = admin.put(f"/api/events/{event['id']}", json={"slug": event["slug"] + "-again"}).json()["item"]
    address = f"/api/public/events/{event['slug']}/calendar.ics"
    moved = learner.get(address)
    assert (moved.status_code, moved.headers["location"]) == (
        308,
        f"/api/public/events/{renamed['slug']}/calendar.ics",
    )
    admin.put(f"/api/events/{event['id']}", json={"visibility": "private"})
    assert learner.get(address).json()["error"] == "EVENT_NOT_FOUND"


def test_no_token_opens_the_calendar_of_a_private_event(admin: httpx.Client, learner: httpx.Client) -> None:
    event = private_event(admin)
    grant = learner.post(f"/api/events/{event['slug']}/access", json={"eventAccessKey": event["accessKey"]}).json()
    for headers in ({}, {"Authorization": f"Bearer {grant['accessToken']}"}):
        refused = learner.get(f"/api/public/events/{event['slug']}/calendar.ics", headers=headers)
        assert (refused.status_code, refused.json()["error"]) == (404, "EVENT_NOT_FOUND")
