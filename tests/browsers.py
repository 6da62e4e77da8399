"""Headless Chromium for the tests that use pages as people do; without it they are skipped, and fail in CI."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.without import do_without

# No requests of the browser's own, and no sandbox, which root cannot have.
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


# Longer than a loaded machine needs.
PATIENCE_MS = 120_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Visit:
    """A page, and what its console complained about: errors, among them violations of its policy."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def note(self, message: ConsoleMessage) -> None:
        """Keep an error or a warning."""
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium, or that of CHROMIUM."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        do_without("Chromium", "apt install chromium, or name another one in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """Open the address in a fresh context, without cookies of other visits."""
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        opened = Visit(page)
        page.on("console", opened.note)
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        page.goto(address)
        yield opened
