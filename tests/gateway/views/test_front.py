"""gateway.views.front: the page or its links, the viewer and its files, and the document in both forms."""

import re

import httpx
import orjson
import pytest
import yaml

from gateway.routes import PUBLIC_ROUTES
from gateway.views.front import PAGE_POLICY
from tests.gateway.fakes import NOT_FOUND, Gateway, parsed

LINKS = {
    "docs": "/docs",
    "openapiJson": "/openapi.json",
    "openapiYaml": "/openapi.yaml",
    "health": "/health/ready",
    "publicEvents": "/api/public/events",
}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (BROWSER, "text/html; charset=utf-8"),
        ("text/*", "text/html; charset=utf-8"),
        ("application/json;q=0.5, TEXT/HTML;q=0.6", "text/html; charset=utf-8"),
        ("*/*", "application/json"),
        ("application/json, text/html", "application/json"),
        ("text/html;q=0, */*", "application/json"),
        ("text/html;q=much", "application/json"),
        ("", "application/json"),
    ],
)
def test_a_browser_gets_a_page_and_everyone_else_json(gateway: Gateway, accept: str, media_type: str) -> None:
    response = gateway.send("GET", "/", headers={"Accept": accept})
    assert (response.status_code, response.headers["Content-Type"]) == (200, media_type)
    assert (response.headers["Vary"], response.headers["Cache-Control"]) == ("Accept, Origin", "no-store")


def test_the_page_and_the_json_lead_to_the_same_addresses(gateway: Gateway) -> None:
    view = gateway.send("GET", "/").json()
    page = gateway.send("GET", "/", headers={"Accept": BROWSER})
    description = "The open back end for online course launches"
    assert view == {"name": "Flix", "description": description, "version": "1.0.0", "links": LINKS}
    assert set(LINKS.values()) <= {route.path for route in PUBLIC_ROUTES}
    assert {f"/{each}" for each in re.findall(r'href="([a-z./]+)"', page.text)} == {*LINKS.values(), "/docs/page.css"}
    assert (f"{description}. " in page.text, "version 1.0.0 " in page.text) == (True, True)
    assert page.headers["Content-Security-Policy"] == PAGE_POLICY


def test_the_viewer_loads_its_own_files_only(gateway: Gateway) -> None:
    page = gateway.send("GET", "/docs")
    loaded = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text)
    files = {each: gateway.send("GET", f"/{each}") for each in loaded}
    assert {each: response.headers["Content-Type"] for each, response in files.items()} == {
        "docs/swagger-ui.css": "text/css; charset=utf-8",
        "docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
        "docs/viewer.js": "text/javascript; charset=utf-8",
    }
    assert page.headers["Content-Security-Policy"] == PAGE_POLICY
    assert "unsafe" not in PAGE_POLICY
    assert "<script>" not in page.text
    assert all("'none'" in response.headers["Content-Security-Policy"] for response in files.values())
    for path in ("/docs/", "/docs/index.html", "/docs/..%2fapp.py", "/docs/%2e%2e/app.py", "/docs/docs.html"):
        assert parsed(gateway.send("GET", path)) == (404, NOT_FOUND)


@pytest.mark.parametrize("path", ["/docs", "/docs/viewer.js", "/openapi.json", "/openapi.yaml"])
def test_a_known_state_is_not_sent_again(gateway: Gateway, path: str) -> None:
    first = gateway.send("GET", path)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "no-cache"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = gateway.send("GET", path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        # A cache replaces those that it has.
        assert kept_headers(again) == kept_headers(first)
    assert gateway.send("GET", path, headers={"If-None-Match": '"other"'}).content == first.content


def kept_headers(response: httpx.Response) -> dict[str, str]:
    """Return the headers but for those of the body and of the one request."""
    of_body = ("content-length", "content-type", "content-encoding")
    return {name: text for name, text in response.headers.items() if name not in (*of_body, "x-request-id")}


def test_both_forms_of_the_document_say_the_same(gateway: Gateway) -> None:
    as_json, as_yaml = gateway.send("GET", "/openapi.json"), gateway.send("GET", "/openapi.yaml")
    assert (as_json.headers["Content-Type"], as_yaml.headers["Content-Type"]) == (
        "application/json",
        "text/yaml; charset=utf-8",
    )
    assert orjson.loads(as_json.content) == yaml.safe_load(as_yaml.content)
