"""Known vulnerabilities of the locked packages, by pip-audit."""

import json
from pathlib import Path
from typing import Any

from deploy.release.lock import RUNTIME, read_lock
from deploy.release.tools import run_tool
from deploy.release.verdict import Verdict, verdict_of


def audit(root: Path, output: Path) -> Verdict:
    """Audit the runtime packages; one that cannot be looked up counts as not audited."""
    file = output / "audit.json"
    file.unlink(missing_ok=True)
    options = ("--disable-pip", "--progress-spinner=off", "--format=json", f"--output={file}")
    done = run_tool("pip-audit", f"--requirement={root / RUNTIME}", *options)
    if not file.exists():
        errors = " ".join(done.stderr.split())
        return Verdict("audit", "NOT DONE", f"pip-audit gave no report: {errors[-300:]}")
    expected = {package.name for package in read_lock(root / RUNTIME) if package.applies_here}
    return judge_report(json.loads(file.read_text()), expected)


def judge_report(report: Any, expected: set[str]) -> Verdict:
    """Return the verdict on pip-audit's JSON, which has a `skip_reason` for packages that it does not know."""
    packages = report["dependencies"]
    audited = {package["name"] for package in packages if "skip_reason" not in package}
    findings = [_finding(package, vulnerability) for package in packages for vulnerability in package.get("vulns", ())]
    missing = sorted(expected - audited)
    if missing and not findings:
        reason = next((package["skip_reason"] for package in packages if "skip_reason" in package), "not in the report")
        return Verdict("audit", "NOT DONE", f"{len(missing)} of {len(expected)} packages were NOT audited: {reason}")
    return verdict_of(
        "audit", findings, f"{len(audited)} packages, {len(findings)} known vulnerabilities, {len(missing)} not audited"
    )


def _finding(package: Any, vulnerability: Any) -> str:
    fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
    return f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {fixed}"
