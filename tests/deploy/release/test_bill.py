"""The bill of materials is made by cyclonedx-py itself."""

import json
import re
import shutil
from pathlib import Path

import pytest

from deploy.release.bill import hashes_of, make_bill
from deploy.stack import ROOT

pytestmark = pytest.mark.full


def test_the_bill_lists_every_locked_package(tmp_path: Path) -> None:
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


def test_a_package_without_hashes_is_reported(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    text = (ROOT / "requirements.lock").read_text()
    (tmp_path / "requirements.lock").write_text(f"{text}stranger==1.0\n")

    verdict = make_bill(tmp_path, tmp_path)

    assert (verdict.state, verdict.findings) == (
        "FAILED",
        ["stranger 1.0 is locked and lacks an entry with hashes"],
    )


def test_without_a_lock_no_bill_is_made(tmp_path: Path) -> None:
    (tmp_path / "sbom.cdx.json").write_text("from an earlier run")

    verdict = make_bill(tmp_path, tmp_path)

    assert (verdict.state, verdict.summary) == ("FAILED", "cyclonedx-py made none")
    assert (tmp_path / "sbom.cdx.json").read_text() == ""
