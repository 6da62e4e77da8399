"""services.kit.maintenance.progress.Meter: long work shows its progress, on a terminal and in a log."""

import io
import sys

import pytest

from services.kit.maintenance import progress
from services.kit.maintenance.progress import Meter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def output_of_two_stages(monkeypatch: pytest.MonkeyPatch, output: io.StringIO, line_seconds: float = 5) -> str:
    """Return what a check of 1,500 rows and of something uncounted writes."""
    monkeypatch.setattr(sys, "stderr", output)
    monkeypatch.setattr(progress, "LINE_SECONDS", line_seconds)
    with Meter() as meter:
        meter.begin("attempts", 1500)
        for _ in range(3):
            meter.advance(500)
        meter.begin("the file", 0)
    return output.getvalue()


def test_lines_in_a_log_show_the_stage_and_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert output_of_two_stages(monkeypatch, io.StringIO(), line_seconds=0).splitlines() == [
        "checking attempts: 0 of 1500",
        "checking attempts: 500 of 1500",
        "checking attempts: 1000 of 1500",
        "checking attempts: 1500 of 1500",
        "checking the file",
    ]


def test_a_short_check_writes_nothing_into_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    assert output_of_two_stages(monkeypatch, io.StringIO(), line_seconds=3600) == ""


def test_a_terminal_shows_a_bar_that_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    output = output_of_two_stages(monkeypatch, Terminal())
    assert all(text in output for text in ("attempts", "1500/1500", "the file"))
    # The last control sequence clears the line of the bar.
    assert output.endswith("\x1b[1A\x1b[2K")


def test_a_terminal_without_rich_shows_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "find_spec", lambda _name: None)

    output = output_of_two_stages(monkeypatch, Terminal(), line_seconds=0)

    assert output.splitlines()[0] == "checking attempts: 0 of 1500"
