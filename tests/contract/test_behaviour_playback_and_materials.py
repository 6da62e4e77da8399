"""docs/contract/BEHAVIOUR.md, "Playback" and "Materials"."""

import httpx
import pytest

from tests.contract.samples import (
    FUTURE,
    LATER_PAST,
    PAST,
    Json,
    attached,
    file_body,
    materials_address,
    new_event,
    new_lesson,
    parsed,
    public_address,
)
from tests.refusals import invalid

MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("provider", "address"),
    [
        ("youtube", "https://www.youtube-nocookie.com/embed/aB3_-xYz"),
        ("vimeo", "https://player.vimeo.com/video/aB3_-xYz"),
        ("gemini_stream", "https://stream.gemini.google/embed/aB3_-xYz"),
    ],
)
def test_each_provider_has_its_embed_address_and_constraints(
    admin: httpx.Client, learner: httpx.Client, provider: str, address: str
) -> None:
    """Embed addresses: youtube -> https://www.youtube-nocookie.com/embed/ID, vimeo -> https://player.vimeo.com/video/ID,
    gemini_stream -> https://stream.gemini.google/embed/ID. Constraints: allowedDomains flix.app and www.flix.app
    (configurable), disableDownload true, disablePictureInPicture false, referrerPolicy
    strict-origin-when-cross-origin."""
    event = new_event(admin)
    lesson = new_lesson(admin, event, videoProvider=provider, videoId="aB3_-xYz", expiresAt=FUTURE)
    assert parsed(learner.post(public_address(event, lesson["slug"], "playback"))) == (
        200,
        {
            "player": {
                "provider": provider,
                "videoId": "aB3_-xYz",
                "embedUrl": address,
                "constraints": {
                    "allowedDomains": ["flix.app", "www.flix.app"],
                    "disableDownload": True,
                    "disablePictureInPicture": False,
                    "referrerPolicy": "strict-origin-when-cross-origin",
                },
            },
            "lesson": {
                "id": lesson["id"],
                "slug": lesson["slug"],
                "title": "A lesson",
                "videoProvider": provider,
                "videoId": "aB3_-xYz",
                "releaseAt": PAST,
                "expiresAt": FUTURE,
            },
            "navigation": {"previous": None, "next": None},
        },
    )


def test_twenty_files_can_be_attached_at_once(admin: httpx.Client, learner: httpx.Client) -> None:
    """At most 20 files in a request"""
    event = new_event(admin)
    lesson = new_lesson(admin, event)
    items = attached(admin, lesson, *(file_body(fileName=f"{place}.pdf") for place in range(20)))
    assert items == [
        {
            "id": item["id"],
            "eventId": event["id"],
            "lessonId": lesson["id"],
            "fileName": f"{place}.pdf",
            "mimeType": "application/pdf",
            "sizeBytes": 1024,
            "downloadUrl": "https://files.example/canvas.pdf",
            "createdAt": item["createdAt"],
        }
        for place, item in enumerate(items)
    ]
    assert parsed(admin.get(materials_address(lesson))) == (200, {"items": items})
    assert parsed(learner.post(public_address(event, lesson["slug"], "materials"))) == (200, {"items": items})


@pytest.mark.parametrize(
    ("count", "complaint"), [(0, "must have at least 1 items"), (21, "must have at most 20 items")]
)
def test_no_file_and_more_than_twenty_are_refused(admin: httpx.Client, count: int, complaint: str) -> None:
    """At most 20 files in a request"""
    lesson = new_lesson(admin, new_event(admin))
    response = admin.post(materials_address(lesson), json={"files": [file_body()] * count})
    assert parsed(response) == invalid({"files": [complaint]})
    assert parsed(admin.get(materials_address(lesson))) == (200, {"items": []})


def test_one_wrong_file_keeps_all_of_them_out(admin: httpx.Client) -> None:
    """all or none stored"""
    lesson = new_lesson(admin, new_event(admin))
    before = attached(admin, lesson)
    files = [*[file_body()] * 19, file_body(sizeBytes=0)]
    assert parsed(admin.post(materials_address(lesson), json={"files": files})) == invalid(
        {"files": ["19.sizeBytes: Input should be greater than or equal to 1"]}
    )
    assert parsed(admin.get(materials_address(lesson))) == (200, {"items": before})


@pytest.mark.parametrize("size", [1, 25 * MEBIBYTE, 2.0])
def test_a_file_may_have_up_to_25_mebibytes(admin: httpx.Client, size: float) -> None:
    """at most 25 MiB each"""
    (item,) = attached(admin, new_lesson(admin, new_event(admin)), file_body(sizeBytes=size))
    assert item["sizeBytes"] == int(size)


@pytest.mark.parametrize(
    ("size", "complaint"),
    [
        (0, "Input should be greater than or equal to 1"),
        (-1, "Input should be greater than or equal to 1"),
        (25 * MEBIBYTE + 1, "Input should be less than or equal to 26214400"),
        (10**30, "Input should be less than or equal to 26214400"),
        (1.5, "Input should be a valid integer"),
        ("1024", "Input should be a valid integer"),
        (True, "Input should be a valid integer"),
    ],
)
def test_a_file_of_any_other_size_is_refused(admin: httpx.Client, size: object, complaint: str) -> None:
    """at most 25 MiB each"""
    lesson = new_lesson(admin, new_event(admin))
    response = admin.post(materials_address(lesson), json={"files": [file_body(sizeBytes=size)]})
    assert parsed(response) == invalid({"files": [f"0.sizeBytes: {complaint}"]})


@pytest.mark.parametrize("kind", ["application/pdf", "application/zip", "image/png", "image/jpeg", "text/plain"])
def test_a_file_may_be_of_five_types(admin: httpx.Client, kind: str) -> None:
    """types pdf, zip, png, jpeg, plain text"""
    (item,) = attached(admin, new_lesson(admin, new_event(admin)), file_body(mimeType=kind))
    assert item["mimeType"] == kind


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/PDF", "", "application/pdf; a=b"])
def test_a_file_of_another_type_is_refused(admin: httpx.Client, kind: str) -> None:
    """types pdf, zip, png, jpeg, plain text"""
    lesson = new_lesson(admin, new_event(admin))
    types = "'application/pdf', 'application/zip', 'image/png', 'image/jpeg' or 'text/plain'"
    response = admin.post(materials_address(lesson), json={"files": [file_body(mimeType=kind)]})
    assert parsed(response) == invalid({"files": [f"0.mimeType: Input should be {types}"]})


@pytest.mark.parametrize("address", ["https://files.example/a.pdf?b=c#d", "http://files.example:9000/a%20b.pdf"])
def test_a_file_is_at_a_web_address(admin: httpx.Client, address: str) -> None:
    """http or https addresses only."""
    (item,) = attached(admin, new_lesson(admin, new_event(admin)), file_body(downloadUrl=address))
    assert item["downloadUrl"] == address


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", "data:text/html,hello", "ftp://files.example/a.pdf", "file:///etc/passwd"),
        *("//files.example/a.pdf", "a.pdf", "https://", "https://files.example/a b.pdf", "http://[::1", ""),
    ],
)
def test_a_file_anywhere_else_is_refused(admin: httpx.Client, address: str) -> None:
    """http or https addresses only."""
    lesson = new_lesson(admin, new_event(admin))
    response = admin.post(materials_address(lesson), json={"files": [file_body(downloadUrl=address)]})
    assert parsed(response) == invalid({"files": ["0.downloadUrl: must be an http or https address"]})


@pytest.mark.parametrize("window", [{"releaseAt": FUTURE}, {"expiresAt": LATER_PAST}])
def test_files_can_be_attached_to_a_closed_lesson(admin: httpx.Client, window: Json) -> None:
    """Uploads are allowed whatever the lesson's status."""
    lesson = new_lesson(admin, new_event(admin), **window)
    items = attached(admin, lesson)
    assert parsed(admin.get(materials_address(lesson))) == (200, {"items": items})
