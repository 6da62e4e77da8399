"""Which verdicts stop a release, and the table of verdicts."""

import pytest

from deploy.release.__main__ import exit_code
from deploy.release.verdict import State, Verdict, table, verdict_of

LOCK = Verdict("lock", "passed", "3 packages")


@pytest.mark.parametrize(
    ("check", "state", "without_audit", "in_ci", "code"),
    [
        ("audit", "passed", False, True, 0),
        ("audit", "FAILED", True, False, 1),
        ("audit", "NOT DONE", False, False, 1),
        ("audit", "NOT DONE", True, False, 0),
        ("audit", "NOT DONE", True, True, 0),
        ("secrets in the images", "passed", False, True, 0),
        ("secrets in the images", "FAILED", False, False, 1),
        ("secrets in the images", "NOT DONE", False, False, 0),
        ("secrets in the images", "NOT DONE", True, True, 1),
        ("secrets in the tree", "NOT DONE", True, False, 1),
        ("lock", "FAILED", True, False, 1),
    ],
)
def test_a_release_needs_every_check_that_is_not_optional(
    check: str, state: State, without_audit: bool, in_ci: bool, code: int
) -> None:
    verdicts = [LOCK, Verdict(check, state, "")]

    assert exit_code(verdicts, without_audit=without_audit, in_ci=in_ci) == code


def test_the_table_has_a_line_for_each_check_and_then_the_findings() -> None:
    verdicts = [
        LOCK,
        Verdict("audit", "NOT DONE", "49 of 49 packages were NOT audited"),
        verdict_of("secrets in the tree", ["a.py:1: AWS Access Key 1234"], "9 files"),
    ]

    assert table(verdicts) == (
        "lock                 passed    3 packages\n"
        "audit                NOT DONE  49 of 49 packages were NOT audited\n"
        "secrets in the tree  FAILED    9 files\n"
        "\n"
        "secrets in the tree:\n"
        "  a.py:1: AWS Access Key 1234\n"
    )
