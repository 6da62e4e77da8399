"""The front door: what this is, the published document, and a viewer in which one can call what it describes."""

from dataclasses import replace
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from typing_extensions import TypedDict

from gateway.representations import Representation, chosen_coding
from gateway.upstream import HTTP_NOT_MODIFIED, HTTP_OK, JSON, UpstreamRequest, UpstreamResponse, json_response
from gateway.upstreams import Upstreams
from services.kit.core.errors import NotFound
from services.kit.core.version import VERSION
from services.kit.web.operations import Operation

# YAML by the older name of its type (RFC 9512): browsers show it, and generators of clients read it as a text.
HTML, CSS, SCRIPT, YAML = "text/html", "text/css", "text/javascript", "text/yaml"
DESCRIPTION = "The open back end for online course launches"
# What a page of ours may load: files from here and the pictures inside Swagger UI's style sheet. It may call this API.
PAGE_POLICY = "; ".join(
    (
        *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'"),
        *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
    )
)

_GATEWAY = Path(__file__).parents[1]
_PAGES = _GATEWAY / "pages"
# Its package is not imported, since that would load Flask (docs/decisions/109-viewer.md).
_SWAGGER_UI = Path(str(distribution("flask-swagger-ui").locate_file("flask_swagger_ui/dist")))
_FILES = {
    "page.css": (_PAGES, CSS),
    "viewer.js": (_PAGES, SCRIPT),
    "swagger-ui.css": (_SWAGGER_UI, CSS),
    "swagger-ui-bundle.js": (_SWAGGER_UI, SCRIPT),
}


class LinksView(TypedDict):
    """Where to go on, relative to this address."""

    docs: str
    openapiJson: str
    openapiYaml: str
    health: str
    publicEvents: str


class FrontView(TypedDict):
    """What answers here, in which version, and where to go on."""

    name: str
    description: str
    version: str
    links: LinksView


LINKS: LinksView = {
    "docs": "/docs",
    "openapiJson": "/openapi.json",
    "openapiYaml": "/openapi.yaml",
    "health": "/health/ready",
    "publicEvents": "/api/public/events",
}


@Operation(
    id="getFrontPage",
    summary="Learn what this is, and where to go on.",
    description="A browser gets a page, everyone else JSON with the same links.",
    response=FrontView,
    texts=(HTML,),
)
async def front_page(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """Respond with the page, or with its links."""
    view: FrontView = {"name": "Flix", "description": DESCRIPTION, "version": VERSION, "links": LINKS}
    response = _page() if _prefers_page(request.accept or "") else json_response(view)
    return replace(response, headers={**response.headers, "Vary": "Accept, Origin"})


@Operation(
    id="getDocs",
    summary="Read this document in a browser, and call what it describes.",
    description="Swagger UI. After `login`, give it the accessToken with Authorize.",
    texts=(HTML,),
    is_conditional=True,
)
async def viewer(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """Respond with the viewer's page."""
    return await _shown(request, _PAGES / "docs.html", HTML)


@Operation(
    id="getDocsFile",
    summary="Load a file of the viewer.",
    description="Its script or its style sheet; the page names them.",
    texts=(CSS, SCRIPT),
    is_conditional=True,
)
async def viewer_file(upstreams: Upstreams, request: UpstreamRequest, file: str) -> UpstreamResponse:
    """Respond with the file. Raise NotFound."""
    if file not in _FILES:
        raise NotFound
    folder, media_type = _FILES[file]
    return await _shown(request, folder / file, media_type)


@Operation(
    id="getOpenapiJson",
    summary="Return this document as JSON.",
    description="OpenAPI 3.1, from which generators make clients.",
    response=dict[str, object],
    is_conditional=True,
)
async def document_json(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """Respond with the document."""
    return await _shown(request, _GATEWAY / "openapi.json", JSON)


@Operation(
    id="getOpenapiYaml",
    summary="Return this document as YAML.",
    description="The same as /openapi.json, for people.",
    texts=(YAML,),
    is_conditional=True,
)
async def document_yaml(upstreams: Upstreams, request: UpstreamRequest) -> UpstreamResponse:
    """Respond with the document."""
    return await _shown(request, _GATEWAY / "openapi.yaml", YAML)


async def _shown(request: UpstreamRequest, path: Path, media_type: str) -> UpstreamResponse:
    """Respond with the file, or with 304 to those who have it (RFC 9110 section 13.1.2)."""
    file = _file(path)
    # A browser asks before it shows its copy again, and gives the copy the headers of the 304 (RFC 9111 section 4.3.4):
    # with the policy of other responses the page would load nothing.
    headers = {"ETag": file.entity_tag, "Cache-Control": "no-cache", "Vary": "Origin, Accept-Encoding"}
    headers |= _policy(media_type)
    if file.is_named_by(request.if_none_match):
        return UpstreamResponse(HTTP_NOT_MODIFIED, b"", headers)
    coding = chosen_coding(request.accept_encoding, len(file.body))
    if coding is not None:
        headers["Content-Encoding"] = coding
    headers["Content-Type"] = _content_type(media_type)
    return UpstreamResponse(HTTP_OK, await file.coded(coding), headers)


@cache
def _file(path: Path) -> Representation:
    return Representation(path.read_bytes())


def _content_type(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


def _policy(media_type: str) -> dict[str, str]:
    return {"Content-Security-Policy": PAGE_POLICY} if media_type == HTML else {}


@cache
def _page() -> UpstreamResponse:
    text = (_PAGES / "front.html").read_text().replace("DESCRIPTION", DESCRIPTION).replace("VERSION", VERSION)
    return UpstreamResponse(HTTP_OK, text.encode(), {"Content-Type": _content_type(HTML), **_policy(HTML)})


def _prefers_page(accept: str) -> bool:
    """Return whether HTML is preferred to JSON (RFC 9110 section 12.5.1); without a preference it is not."""
    weights = {}
    for part in accept.lower().split(","):
        media_range, *parameters = (each.strip() for each in part.split(";"))
        weights[media_range] = next((_weight(each[2:]) for each in parameters if each.startswith("q=")), 1.0)

    def weight(media_type: str) -> float:
        ranges = (media_type, media_type.partition("/")[0] + "/*", "*/*")
        return next((weights[each] for each in ranges if each in weights), 0.0)

    return weight(HTML) > weight(JSON)


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
