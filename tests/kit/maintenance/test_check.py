"""services.kit.maintenance.check.Meter: long checks show how far they are, on a terminal and in a log."""

import io
import sys

import pytest

from services.kit.maintenance import check
from services.kit.maintenance.check import Meter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def two_stages(rows: int) -> None:
    """A check of so many rows, three times, and of something that cannot be counted."""
    with Meter() as meter:
        meter.begin("attempts", rows * 3)
        for _ in range(3):
            meter.advance(rows)
        meter.begin("the file", 0)


def test_in_a_log_each_line_says_what_is_checked_and_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    monkeypatch.setattr(check, "LINE_SECONDS", 0)

    two_stages(500)

    assert said.getvalue().splitlines() == [
        "checking attempts: 0 of 1500",
        "checking attempts: 500 of 1500",
        "checking attempts: 1000 of 1500",
        "checking attempts: 1500 of 1500",
        "checking the file",
    ]


def test_in_a_log_a_short_check_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    monkeypatch.setattr(check, "LINE_SECONDS", 3600)

    two_stages(500)

    assert said.getvalue() == ""


def test_on_a_terminal_a_bar_shows_what_is_checked_and_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    two_stages(500)

    shown = terminal.getvalue()
    assert "attempts:   0%" in shown
    assert "/1500 [" in shown
    assert "the file" in shown
    assert shown.rpartition("\r")[2].strip() == ""
