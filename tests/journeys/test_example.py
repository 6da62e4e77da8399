"""The example page for learners, walked in a browser."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Page, Route, expect

from deploy.stack import ROOT
from services.kit.core.instants import format_instant, now
from tests.browsers import chromium, visit
from tests.clock import HOUR
from tests.contract.samples import (
    ACCESS_KEY,
    PAST,
    Json,
    attached,
    lesson_address,
    new_event,
    new_lesson,
    new_quiz,
    private_event,
)
from tests.installation import Installation, installation

EXAMPLE = ROOT / "docs/example"
API = "http://127.0.0.1:3001"
MOST_LINES = 120
AN_HOUR_LATER = "() => { const before = Date.now; Date.now = () => before() + 3_600_000; }"


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and writes no log."""

    def log_message(self, *_message: object) -> None:
        """Write nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the folder's files, and return their address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_the_example_is_short() -> None:
    assert len((EXAMPLE / "index.html").read_text().splitlines()) <= MOST_LINES


@pytest.mark.full
def test_a_learner_goes_the_whole_way_on_the_example(tmp_path: Path) -> None:
    (pages := tmp_path / "pages").mkdir()
    with served(pages) as site, installation(tmp_path, CORS_ORIGIN=site) as stack:
        (pages / "index.html").write_text((EXAMPLE / "index.html").read_text().replace(API, stack.address))
        stack.prepare()
        stack.start()
        oven = launch(stack)
        # A link that names another installation must not lead the learner's key and grant there.
        link = f"{site}/index.html?api={site}"
        # Without the players of others, which a test must not load.
        with chromium() as browser, visit(browser, link) as visited:
            visited.page.route(
                re.compile("^https:"), lambda route: route.fulfill(body="The player", content_type="text/html")
            )
            return_before_the_answer(visited.page)
            see_the_list(visited.page)
            open_with_the_key(visited.page)
            see_a_lesson_open(visited.page, stack, oven)
            be_graded(visited.page)
        with stack.admin() as admin:
            [quiz] = [each for each in admin.get("/api/quizzes").json()["items"] if each["title"] == "Alive?"]
            attempts = admin.get(f"/api/quizzes/{quiz['id']}/attempts").json()["items"]
        assert [each["scorePercentage"] for each in attempts] == [100, 50]


def launch(stack: Installation) -> Json:
    """Create a public event, and a private one with an open lesson and one that opens in an hour; return the latter."""
    with stack.admin() as admin:
        new_event(admin, title="For all", isActive=True)
        event = private_event(admin, title="Bread in a week", slug="bread")
        lesson = new_lesson(admin, event, title="The starter", slug="der Sauerteig", videoId="aqz-KE-bpKQ")
        attached(admin, lesson)
        new_quiz(admin, lesson, title="Alive?")
        return new_lesson(admin, event, title="The oven", slug="oven", releaseAt=format_instant(now() + HOUR))


def return_before_the_answer(page: Page) -> None:
    """Go to the public event and back while its catalog is on its way; the list stays when it arrives."""
    catalog, held = re.compile("/catalog$"), list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    page.route(catalog, hold)
    with page.expect_request(catalog):
        page.get_by_role("link", name="For all").click()
    page.go_back()
    page.unroute(catalog)
    with page.expect_response(catalog) as late:
        held.pop().continue_()
    late.value.finished()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(page.get_by_role("heading")).to_have_text("Launches")


def see_the_list(page: Page) -> None:
    """See the public event, and go to the private one by its name."""
    expect(page.get_by_role("link", name="For all")).to_be_visible()
    page.get_by_label("Another launch").fill("Bread")
    page.get_by_role("button", name="Go").click()


def open_with_the_key(page: Page) -> None:
    """Mistype the key once, then open the event."""
    page.get_by_label("Access key").fill("not-the-key")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_label("Access key")).to_have_value("")
    expect(page.get_by_role("alert")).to_have_text("Private event access is required")
    page.get_by_label("Access key").fill(ACCESS_KEY)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", name="Bread in a week")).to_be_visible()


def see_a_lesson_open(page: Page, stack: Installation, lesson: Json) -> None:
    """See the countdown, and the lesson open at its end without a reload."""
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"^The oven opens in 3[56]\d\d s$"))
    with stack.admin() as admin:
        changed = admin.put(lesson_address(lesson), json={"releaseAt": PAST})
    assert changed.status_code == 200
    page.evaluate(AN_HOUR_LATER)
    expect(page.get_by_role("link", name="The oven")).to_be_visible()


def be_graded(page: Page) -> None:
    """Play the first lesson, take its quiz, correct an answer, and press twice.

    By keyboard: clicks miss while the browser gives the player a process of its own.
    """
    page.get_by_role("link", name="The starter").click()
    expect(page.get_by_title("The starter")).to_have_attribute(
        "src", "https://www.youtube-nocookie.com/embed/aqz-KE-bpKQ"
    )
    expect(page.get_by_role("link", name="canvas.pdf")).to_have_attribute("href", "https://files.example/canvas.pdf")
    page.get_by_role("group", name="Question 1?").get_by_label("right").press("Space")
    page.get_by_role("group", name="Question 2?").get_by_label("wrong").press("Space")
    page.get_by_role("button", name="Submit").press("Enter")
    expect(page.get_by_role("status")).to_have_text("failed: 50%, and 70% were needed")
    page.get_by_role("group", name="Question 2?").get_by_label("right").press("Space")
    submit = page.get_by_role("button", name="Submit")
    submit.press("Enter")
    expect(page.get_by_role("status")).to_have_text("passed: 100%, and 70% were needed")
    with page.expect_response(re.compile("/quiz/submit$")) as repeated:
        submit.press("Enter")
    assert repeated.value.headers["idempotency-replayed"] == "true"
