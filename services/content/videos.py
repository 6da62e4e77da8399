"""Video ids: what admins paste becomes the provider's id, and an id becomes the address that a player loads.

docs/contract/BEHAVIOUR.md, "Playback". Nothing is fetched from the providers.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

from services.content.entities import VideoProvider

MINIMUM_ID = 3
MAXIMUM_ID = 120

EMBED_ADDRESSES: Mapping[VideoProvider, str] = {
    "youtube": "https://www.youtube-nocookie.com/embed/",
    "vimeo": "https://player.vimeo.com/video/",
    "gemini_stream": "https://stream.gemini.google/embed/",
}
NO_VIDEO = "names no single video: paste the address of one video, or its id"
OTHER_HOST = "is an address of another host: YouTube, Vimeo and Gemini streams are known"

_PROVIDER_HOSTS: Mapping[str, VideoProvider] = {
    "youtube.com": "youtube",
    "m.youtube.com": "youtube",
    "music.youtube.com": "youtube",
    "youtube-nocookie.com": "youtube",
    "youtu.be": "youtube",
    "vimeo.com": "vimeo",
    "player.vimeo.com": "vimeo",
    "stream.gemini.google": "gemini_stream",
}
_IFRAME = re.compile(r"<iframe\b[^>]*?\bsrc\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
# People also copy addresses without their scheme.
_KNOWN_HOST = re.compile(rf"(?:www\.)?(?:{'|'.join(map(re.escape, _PROVIDER_HOSTS))})(?:[/?]|$)", re.IGNORECASE)
_WWW = re.compile(r"www\.[^/]+\.", re.IGNORECASE)
# Folders of YouTube's addresses that the id of a video follows.
_YOUTUBE_FOLDERS = {"embed", "live", "shorts", "v", "e"}
_YOUTUBE_ID = re.compile(r"[\w-]{6,20}", re.ASCII)
# A video's number, behind any folders (channels, groups, showcases), and the hash of an unlisted video.
_VIMEO_PATH = re.compile(r"/(?:[^?#]*/)?(\d{3,20})(?:/([0-9a-zA-Z]{6,40}))?/?")
_VIMEO_HASH = re.compile(r"[0-9a-zA-Z]{6,40}")
_GEMINI_PATH = re.compile(r"/embed/([^/?#]+)/?")


@dataclass(frozen=True, slots=True)
class Video:
    """A video id; `provider` is None for a plain id, which says nothing of its provider."""

    id: str
    provider: VideoProvider | None = None


def read_video(text: str) -> Video:
    """Return the video of a trimmed text: a plain id as it is, or the id in an address or an iframe snippet.

    Raise ValueError, with a text fit for a field error, for an address of another host, of a playlist or a channel.
    """
    address = _pasted_address(text)
    if address is None:
        return Video(text)
    parts = _split(address)
    host = (parts.hostname or "").removeprefix("www.")
    provider = _PROVIDER_HOSTS.get(host)
    if provider is None:
        raise ValueError(OTHER_HOST)
    video_id = _READERS[provider](host, parts)
    if video_id is None or not MINIMUM_ID <= len(video_id) <= MAXIMUM_ID:
        raise ValueError(NO_VIDEO)
    return Video(video_id, provider)


def embeds_nothing(video_id: str) -> bool:
    """Whether a stored id is an address or a path out of the embed folder, so that no player loads a video."""
    return _pasted_address(video_id) is not None or any(map(_is_dot_segment, video_id.partition("?")[0].split("/")))


def embed_url(provider: VideoProvider, video_id: str) -> str:
    """Return the address that a player loads, always below the provider's embed address.

    Browsers resolve `.` and `..` in a path, encoded once as well (https://url.spec.whatwg.org/#double-dot-path-segment),
    so their dots are encoded twice.
    """
    path, question_mark, query = video_id.partition("?")
    segments = [each.replace(".", "%2e") if _is_dot_segment(each) else each for each in path.split("/")]
    return EMBED_ADDRESSES[provider] + quote("/".join(segments) + question_mark + query, safe="/?=&-")


def _is_dot_segment(segment: str) -> bool:
    return segment in (".", "..")


def _pasted_address(text: str) -> str | None:
    """Return the address that the text is or embeds; None for a plain id."""
    if "<" in text:
        iframe = _IFRAME.search(text)
        # A snippet without an iframe has no address of a video.
        return html.unescape(next(filter(None, iframe.groups()), "")) if iframe else "//"
    if _SCHEME.match(text):
        return text
    return f"//{text}" if _KNOWN_HOST.match(text) or _WWW.match(text) else None


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address.strip())
    except ValueError:
        raise ValueError(NO_VIDEO) from None


def _youtube_id(host: str, parts: SplitResult) -> str | None:
    first, second, *_ = [*(each for each in parts.path.split("/") if each), "", ""]
    if host == "youtu.be":
        found = first
    elif first == "watch":
        found = parse_qs(parts.query).get("v", [second])[0]
    else:
        found = second if first in _YOUTUBE_FOLDERS else ""
    # /embed/videoseries plays a playlist.
    return found if _YOUTUBE_ID.fullmatch(found) and found != "videoseries" else None


def _vimeo_id(host: str, parts: SplitResult) -> str | None:
    found = _VIMEO_PATH.fullmatch(parts.path)
    if found is None:
        return None
    number, hash_in_path = found.groups()
    unlisted = hash_in_path or parse_qs(parts.query).get("h", [""])[0]
    return f"{number}?h={unlisted}" if _VIMEO_HASH.fullmatch(unlisted) else number


def _gemini_id(host: str, parts: SplitResult) -> str | None:
    found = _GEMINI_PATH.fullmatch(parts.path)
    return None if found is None else found[1]


_READERS = {"youtube": _youtube_id, "vimeo": _vimeo_id, "gemini_stream": _gemini_id}
