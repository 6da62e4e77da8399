"""What admins paste as a video, and the address that a player loads."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.content.entities import VideoProvider
from services.content.schemas.lessons import LessonPatch, NewLesson
from services.content.videos import EMBED_ADDRESSES, NO_VIDEO, OTHER_HOST, Video, embed_url, embeds_nothing, read_video
from services.kit.core.errors import ValidationFailed
from services.kit.core.unset import UNSET
from services.kit.web.schemas import Schema, validated

YOUTUBE = Video("dQw4w9WgXcQ", "youtube")
VIMEO = Video("76979871", "vimeo")
UNLISTED = Video("76979871?h=8272103f6e", "vimeo")
YOUTUBE_SNIPPET = (
    '<iframe width="560" height="315" src="https://www.youtube.com/embed/dQw4w9WgXcQ?si=a&amp;start=3" '
    'title="YouTube video player" allowfullscreen></iframe>'
)
VIMEO_SNIPPET = (
    '<div style="padding:56% 0 0 0"><iframe src="https://player.vimeo.com/video/76979871?h=8272103f6e&amp;badge=0" '
    'allow="autoplay"></iframe></div><script src="https://player.vimeo.com/api/player.js"></script>'
)


@pytest.mark.parametrize(
    ("pasted", "video"),
    [
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ", YOUTUBE),
        ("https://www.youtube.com/watch?list=PL1&v=dQw4w9WgXcQ&t=43s", YOUTUBE),
        ("youtube.com/watch?v=dQw4w9WgXcQ", YOUTUBE),
        ("HTTPS://WWW.YOUTUBE.COM/watch?v=dQw4w9WgXcQ", YOUTUBE),
        ("http://youtu.be/dQw4w9WgXcQ", YOUTUBE),
        ("https://youtu.be/dQw4w9WgXcQ?si=abcdef", YOUTUBE),
        ("youtu.be/dQw4w9WgXcQ", YOUTUBE),
        ("//youtu.be/dQw4w9WgXcQ", YOUTUBE),
        ("https://www.youtube.com/shorts/dQw4w9WgXcQ", YOUTUBE),
        ("https://youtube.com/live/dQw4w9WgXcQ?feature=share", YOUTUBE),
        ("https://m.youtube.com/watch?v=dQw4w9WgXcQ", YOUTUBE),
        ("https://music.youtube.com/watch?v=dQw4w9WgXcQ&list=RDAMVM", YOUTUBE),
        ("https://www.youtube.com/embed/dQw4w9WgXcQ", YOUTUBE),
        ("https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?rel=0", YOUTUBE),
        (YOUTUBE_SNIPPET, YOUTUBE),
        ("https://vimeo.com/76979871", VIMEO),
        ("vimeo.com/76979871?share=copy", VIMEO),
        ("https://vimeo.com/channels/staffpicks/76979871", VIMEO),
        ("https://vimeo.com/76979871/8272103f6e", UNLISTED),
        ("https://player.vimeo.com/video/76979871?h=8272103f6e&badge=0", UNLISTED),
        (VIMEO_SNIPPET, UNLISTED),
        ("https://stream.gemini.google/embed/stream-1", Video("stream-1", "gemini_stream")),
        ("dQw4w9WgXcQ", Video("dQw4w9WgXcQ")),
        ("76979871?h=8272103f6e", Video("76979871?h=8272103f6e")),
        ("lesson-1.part-2", Video("lesson-1.part-2")),
    ],
)
def test_a_pasted_video_becomes_its_id(pasted: str, video: Video) -> None:
    assert read_video(pasted) == video


@pytest.mark.parametrize(
    ("pasted", "reason"),
    [
        ("https://www.youtube.com/playlist?list=PL123", NO_VIDEO),
        ("https://www.youtube.com/watch?list=PL123", NO_VIDEO),
        ("https://www.youtube.com/embed/videoseries?list=PL123", NO_VIDEO),
        ("https://www.youtube.com/@channel", NO_VIDEO),
        ("https://vimeo.com/showcases", NO_VIDEO),
        ("https://[bad", NO_VIDEO),
        ("https://www.dailymotion.com/video/x8abcd", OTHER_HOST),
        ("www.example.com/dQw4w9WgXcQ", OTHER_HOST),
        ("https://evil.example/youtube.com/watch?v=dQw4w9WgXcQ", OTHER_HOST),
        ("https://youtube.com.evil.example/watch?v=dQw4w9WgXcQ", OTHER_HOST),
        ("<b>my video</b>", OTHER_HOST),
    ],
)
def test_an_address_of_no_single_video_is_refused(pasted: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_video(pasted)


@given(st.text(max_size=200))
def test_any_text_is_a_video_or_refused(text: str) -> None:
    try:
        assert read_video(text).id
    except ValueError as refusal:
        assert str(refusal) in (NO_VIDEO, OTHER_HOST)
    except AssertionError:
        assert text == ""


@pytest.mark.parametrize(
    ("video_id", "is_dead"),
    [
        ("dQw4w9WgXcQ", False),
        ("a/b?h=../c", False),
        ("https://youtu.be/dQw4w9WgXcQ", True),
        ("../../x", True),
        (".", True),
    ],
)
def test_a_stored_address_or_path_embeds_nothing(video_id: str, is_dead: bool) -> None:
    assert embeds_nothing(video_id) is is_dead


@pytest.mark.parametrize(
    ("provider", "video_id", "address"),
    [
        ("youtube", "dQw4w9WgXcQ", "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"),
        ("vimeo", "76979871?h=8272103f6e&dnt=1", "https://player.vimeo.com/video/76979871?h=8272103f6e&dnt=1"),
        ("gemini_stream", "stream-1_a.b~c", "https://stream.gemini.google/embed/stream-1_a.b~c"),
        ("youtube", 'a b"<c>#d', "https://www.youtube-nocookie.com/embed/a%20b%22%3Cc%3E%23d"),
        ("youtube", "é", "https://www.youtube-nocookie.com/embed/%C3%A9"),
        ("youtube", "../../x", "https://www.youtube-nocookie.com/embed/%252e%252e/%252e%252e/x"),
        ("youtube", "%2e%2e/x", "https://www.youtube-nocookie.com/embed/%252e%252e/x"),
    ],
)
def test_a_player_loads_the_address_of_the_provider(provider: VideoProvider, video_id: str, address: str) -> None:
    assert embed_url(provider, video_id) == address


@given(st.sampled_from(list(EMBED_ADDRESSES)), st.text(st.sampled_from("./%2eE?ab\\\t#:@ é"), max_size=12))
def test_no_video_id_leads_out_of_the_embed_path(provider: VideoProvider, video_id: str) -> None:
    address, expected = urlsplit(embed_url(provider, video_id)), urlsplit(EMBED_ADDRESSES[provider])
    assert (address.scheme, address.netloc, address.fragment) == ("https", expected.netloc, "")
    assert address.path.startswith(expected.path)
    # A browser reads an encoded dot of a whole segment as a dot.
    assert not {unquote(each) for each in address.path.split("/")} & {".", ".."}


NEW_LESSON = {"title": "A lesson", "slug": "a-lesson", "releaseAt": "2026-03-01T12:00:00Z"}


@pytest.mark.parametrize(
    ("sent", "provider", "video_id"),
    [
        ({}, "youtube", "a-lesson"),
        ({"videoId": "https://vimeo.com/76979871"}, "vimeo", "76979871"),
        ({"videoId": " https://youtu.be/dQw4w9WgXcQ ", "videoProvider": "youtube"}, "youtube", "dQw4w9WgXcQ"),
        ({"videoId": "76979871", "videoProvider": "vimeo"}, "vimeo", "76979871"),
    ],
)
def test_the_provider_of_a_new_lesson_follows_from_the_address(
    sent: dict[str, str], provider: VideoProvider, video_id: str
) -> None:
    fields = validated(NewLesson, {**NEW_LESSON, **sent}).fields()
    assert (fields.video_provider, fields.video_id) == (provider, video_id)


@pytest.mark.parametrize(
    ("sent", "provider", "video_id"),
    [
        ({"videoId": "https://vimeo.com/76979871"}, "vimeo", "76979871"),
        ({"videoId": "76979871"}, UNSET, "76979871"),
        ({"videoProvider": "vimeo"}, "vimeo", UNSET),
    ],
)
def test_a_changed_address_changes_the_provider_too(sent: dict[str, str], provider: object, video_id: object) -> None:
    changes = validated(LessonPatch, sent).changes()
    assert (changes.video_provider, changes.video_id) == (provider, video_id)


@pytest.mark.parametrize("schema", [NewLesson, LessonPatch])
@pytest.mark.parametrize(
    ("sent", "field", "message"),
    [
        (
            {"videoId": "https://vimeo.com/1234567", "videoProvider": "youtube"},
            "videoProvider",
            "must be vimeo, as in the address in videoId, or absent",
        ),
        ({"videoId": "https://vimeo.com/channels"}, "videoId", NO_VIDEO),
        ({"videoId": "https://example.com/1"}, "videoId", OTHER_HOST),
        ({"videoId": "x" * 121}, "videoId", "must have at most 120 characters"),
        ({"videoId": "https://youtu.be/dQw4w9WgXcQ?" + "x" * 2000}, "videoId", "must have at most 2000 characters"),
    ],
)
def test_a_bad_video_is_refused_by_its_field(
    schema: type[Schema], sent: dict[str, str], field: str, message: str
) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        validated(schema, {**NEW_LESSON, **sent})
    assert refusal.value.extra["details"] == {"formErrors": [], "fieldErrors": {field: [message]}}
