"""The viewer and the front page in a browser."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browsers import chromium, visit
from tests.installation import Installation
from tests.tools.season import ADMIN

pytestmark = pytest.mark.full


def execute(page: Page, operation: str) -> None:
    """Open the operation, and execute it with its example."""
    block = page.locator(f"[id$='-{operation}']")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")


def test_a_person_signs_in_and_calls_the_api_from_the_viewer(demo: Installation) -> None:
    with demo.client() as client:
        token = client.post("/api/admin/login", json=ADMIN).json()["accessToken"]
    with chromium() as browser, visit(browser, f"{demo.address}/") as visited:
        page = visited.page
        expect(page.get_by_role("heading", name="Flix")).to_be_visible()
        page.get_by_role("link", name="docs", exact=True).click()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.get_by_role("button", name="Authorize").first.click()
        scheme = page.locator(".auth-container", has_text="bearerAuth")
        scheme.get_by_role("textbox").fill(token)
        scheme.locator("button.authorize").click()
        scheme.locator("button.btn-done").click()
        # Reading, and writing, with which a browser sends its origin.
        execute(page, "getEvent")
        body = page.locator("[id$='-getEvent'] .live-responses-table .highlight-code")
        expect(body.first).to_contain_text("Sourdough From Scratch")
        execute(page, "updateEvent")
        expect(page.locator("[id$='-updateEvent'] .live-responses-table")).to_contain_text("Autumn Edition")
        assert {urlsplit(each).netloc for each in asked} == {urlsplit(demo.address).netloc}
        assert visited.complaints == []
