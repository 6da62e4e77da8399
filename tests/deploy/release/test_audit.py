"""A package that was not looked up counts as not audited."""

from pathlib import Path

import pytest

from deploy.release.audit import audit, judge_report
from deploy.release.verdict import Verdict
from deploy.stack import ROOT

SOUND = {"name": "alpha", "version": "1.0", "vulns": []}
SKIPPED = {"name": "beta", "skip_reason": "Dependency not found on PyPI and could not be audited: beta (2.0)"}
HOLE = {"id": "PYSEC-2026-1", "fix_versions": ["2.1", "3.0"], "aliases": [], "description": "Reads too far"}
HOLED = {"name": "beta", "version": "2.0", "vulns": [HOLE, {**HOLE, "id": "PYSEC-2026-2", "fix_versions": []}]}


@pytest.mark.parametrize(
    ("packages", "verdict"),
    [
        (
            [SOUND, {**SOUND, "name": "beta"}],
            Verdict("audit", "passed", "2 packages, 0 known vulnerabilities, 0 not audited", []),
        ),
        (
            [SOUND, HOLED],
            Verdict(
                "audit",
                "FAILED",
                "2 packages, 2 known vulnerabilities, 0 not audited",
                ["beta 2.0: PYSEC-2026-1, fixed in 2.1, 3.0", "beta 2.0: PYSEC-2026-2, fixed in no version yet"],
            ),
        ),
        ([SOUND, SKIPPED], Verdict("audit", "NOT DONE", f"1 of 2 packages were NOT audited: {SKIPPED['skip_reason']}")),
        ([SOUND], Verdict("audit", "NOT DONE", "1 of 2 packages were NOT audited: not in the report")),
        ([], Verdict("audit", "NOT DONE", "2 of 2 packages were NOT audited: not in the report")),
        (
            [{"name": "alpha", "skip_reason": "unknown"}, HOLED],
            Verdict(
                "audit",
                "FAILED",
                "1 packages, 2 known vulnerabilities, 1 not audited",
                ["beta 2.0: PYSEC-2026-1, fixed in 2.1, 3.0", "beta 2.0: PYSEC-2026-2, fixed in no version yet"],
            ),
        ),
    ],
)
def test_an_audit_passes_when_every_package_is_known_and_sound(packages: list[object], verdict: Verdict) -> None:
    assert judge_report({"dependencies": packages}, {"alpha", "beta"}) == verdict


@pytest.mark.full
def test_without_vulnerability_data_nothing_is_audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No process listens on the port of "discard".
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    (tmp_path / "audit.json").write_text('{"dependencies": []}')

    verdict = audit(ROOT, tmp_path)

    assert (verdict.check, verdict.state) == ("audit", "NOT DONE")


@pytest.mark.full
def test_an_unreadable_lock_is_not_audited(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("one two\n")

    verdict = audit(tmp_path, tmp_path)

    assert (verdict.state, verdict.summary.startswith("pip-audit gave no report: ")) == ("NOT DONE", True)
