"""docs/contract/BEHAVIOUR.md, "Playback": what admins paste as a video. tests/content/test_videos.py has every form."""

import httpx
import pytest

from tests.contract.samples import Json, lesson_body, new_event, new_lesson, public_address


@pytest.fixture
def event(admin: httpx.Client) -> Json:
    return new_event(admin)


@pytest.mark.parametrize(
    ("pasted", "provider", "video_id"),
    [
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=43s", "youtube", "dQw4w9WgXcQ"),
        ("https://youtu.be/dQw4w9WgXcQ?si=" + "x" * 1900, "youtube", "dQw4w9WgXcQ"),
        ('<iframe src="https://www.youtube.com/embed/dQw4w9WgXcQ" allowfullscreen></iframe>', "youtube", "dQw4w9WgXcQ"),
        ("https://vimeo.com/76979871", "vimeo", "76979871"),
        ("https://vimeo.com/76979871/8272103f6e", "vimeo", "76979871?h=8272103f6e"),
        ("https://stream.gemini.google/embed/stream-1", "gemini_stream", "stream-1"),
    ],
)
def test_a_pasted_address_becomes_the_id_of_its_provider(
    admin: httpx.Client, event: Json, pasted: str, provider: str, video_id: str
) -> None:
    """A lesson's videoId is the provider's id. What people paste becomes it at writing (widened): YouTube's watch,
    youtu.be, shorts, live, embed, m. and music. addresses and iframe snippets; Vimeo's addresses with or without the
    hash of an unlisted video, which becomes `ID?h=HASH`."""
    lesson = new_lesson(admin, event, videoId=pasted)
    assert (lesson["videoProvider"], lesson["videoId"]) == (provider, video_id)
    address = f"/api/events/{event['id']}/lessons/{lesson['id']}"
    admin.put(address, json={"videoProvider": "youtube", "videoId": "another-id"})
    changed = admin.put(address, json={"videoId": pasted}).json()["item"]
    assert (changed["videoProvider"], changed["videoId"]) == (provider, video_id)


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"videoId": "https://vimeo.com/76979871", "videoProvider": "youtube"}, "videoProvider"),
        ({"videoId": "https://www.dailymotion.com/video/x8abcd"}, "videoId"),
        ({"videoId": "https://www.youtube.com/playlist?list=PL123"}, "videoId"),
        ({"videoId": "x" * 121}, "videoId"),
        ({"videoId": "https://youtu.be/dQw4w9WgXcQ?" + "x" * 2000}, "videoId"),
    ],
)
def test_another_address_is_refused_by_its_field(
    admin: httpx.Client, event: Json, sent: dict[str, str], field: str
) -> None:
    """The input may have 2,000 characters, the id 120. An address of the other provider follows when videoProvider is
    absent, and is 400 naming videoProvider when it was sent; an address of another host or of a playlist alone is 400
    and names videoId. gemini_stream takes ids and its own embed address."""
    response = admin.post(f"/api/events/{event['id']}/lessons", json=lesson_body(**sent))
    assert (response.status_code, list(response.json()["details"]["fieldErrors"])) == (400, [field])


@pytest.mark.parametrize(
    ("provider", "video_id", "embedded"),
    [
        ("gemini_stream", "stream-1_a.b", "https://stream.gemini.google/embed/stream-1_a.b"),
        ("youtube", "../../x", "https://www.youtube-nocookie.com/embed/%252e%252e/%252e%252e/x"),
        ("youtube", "%2e%2e/x", "https://www.youtube-nocookie.com/embed/%252e%252e/x"),
    ],
)
def test_a_plain_id_stays_and_never_leaves_the_embed_path(
    admin: httpx.Client, learner: httpx.Client, event: Json, provider: str, video_id: str, embedded: str
) -> None:
    """Plain ids, the default (the slug) and stored rows stay as they
    are; in playback nothing leads out of the provider's embed path."""
    lesson = new_lesson(admin, event, videoProvider=provider, videoId=video_id)
    assert (lesson["videoProvider"], lesson["videoId"]) == (provider, video_id)
    played = learner.post(public_address(event, lesson["slug"], "playback")).json()["player"]
    assert (played["videoId"], played["embedUrl"]) == (video_id, embedded)
    default = new_lesson(admin, event)
    assert (default["videoProvider"], default["videoId"]) == ("youtube", default["slug"])
