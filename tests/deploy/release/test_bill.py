"""deploy.release.bill, with cyclonedx-py itself."""

import json
import re
import shutil
from pathlib import Path

from deploy.release.bill import hashes_of, make_bill
from deploy.stack import ROOT


def test_the_bill_lists_every_package_that_is_locked_for_the_images(tmp_path: Path) -> None:
    verdict = make_bill(ROOT, tmp_path)
    bill = json.loads((tmp_path / "sbom.cdx.json").read_text())
    text = (ROOT / "requirements.lock").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))

    assert (verdict.state, verdict.findings) == ("passed", [])
    assert (bill["bomFormat"], bill["specVersion"], bill["metadata"]["component"]["name"]) == (
        "CycloneDX",
        "1.6",
        "flix",
    )
    assert {(part["name"], part["version"]) for part in bill["components"]} == locked
    assert len(locked) > 40
    assert set().union(*map(hashes_of, bill["components"])) == set(re.findall(r"sha256:([0-9a-f]{64})", text))


def test_a_package_that_would_come_without_hashes_is_missed(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    text = (ROOT / "requirements.lock").read_text()
    (tmp_path / "requirements.lock").write_text(f"{text}stranger==1.0\n")

    verdict = make_bill(tmp_path, tmp_path)

    assert (verdict.state, verdict.findings) == ("FAILED", ["stranger 1.0 is locked and not in it with its hashes"])


def test_a_lock_that_is_not_there_makes_no_bill(tmp_path: Path) -> None:
    (tmp_path / "sbom.cdx.json").write_text("of an earlier run")

    verdict = make_bill(tmp_path, tmp_path)

    assert (verdict.state, verdict.summary) == ("FAILED", "cyclonedx-py made none")
    assert (tmp_path / "sbom.cdx.json").read_text() == ""
