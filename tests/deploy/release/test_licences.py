"""Licences are read by pip-licenses itself."""

import json
from pathlib import Path

import pytest

from deploy.release.licences import is_allowed, licence_of, list_licences
from deploy.release.lock import read_lock
from deploy.stack import ROOT


def test_every_runtime_package_has_an_allowed_licence(tmp_path: Path) -> None:
    verdict = list_licences(ROOT, tmp_path)
    listed = json.loads((tmp_path / "licences.json").read_text())

    assert (verdict.state, verdict.findings) == ("passed", [])
    assert set(listed) == {each.name for each in read_lock(ROOT / "requirements.lock") if each.applies_here}
    assert (listed["falcon"], listed["peewee"]) == ("Apache-2.0", "MIT")


def test_strong_copyleft_and_missing_packages_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "copyleft-1.dist-info"
    installed.mkdir()
    classifier = "License :: OSI Approved :: GNU General Public License v3 or later (GPLv3+)"
    (installed / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: copyleft\nVersion: 1\nClassifier: {classifier}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    locked = (f"{name}==1 \\\n    --hash=sha256:{'a1' * 32}\n" for name in ("copyleft", "no-such-package"))
    (tmp_path / "requirements.lock").write_text("".join(locked))

    verdict = list_licences(tmp_path, tmp_path)

    assert (verdict.state, verdict.findings) == (
        "FAILED",
        [
            "no-such-package is locked and not installed: make clean test",
            "copyleft: GNU General Public License v3 or later (GPLv3+)",
        ],
    )


@pytest.mark.parametrize(
    "licence",
    [
        *("MIT", "MIT License", "Apache-2.0 OR BSD-3-Clause", "MPL-2.0 AND (Apache-2.0 OR MIT)"),
        "Apache Software License; MIT License",
        *("Mozilla Public License 2.0 (MPL 2.0)", "MIT License; Mozilla Public License 2.0 (MPL 2.0)"),
    ],
)
def test_allowed_licences_may_be_combined(licence: str) -> None:
    assert is_allowed(licence)


@pytest.mark.parametrize(
    "licence",
    [
        *("", "UNKNOWN", "GPL-3.0-or-later", "AGPL-3.0-only", "GNU General Public License v3 or later (GPLv3+)"),
        *("MIT AND GPL-2.0-only", "MIT OR SSPL-1.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        *("MIT License; UNKNOWN", "mit-like", "Other/Proprietary License", "MIT;"),
    ],
)
def test_unknown_and_strong_copyleft_licences_are_refused(licence: str) -> None:
    assert not is_allowed(licence)


def test_a_licence_known_from_its_text_must_still_be_in_it() -> None:
    text = "Permission is hereby granted, free of\n  charge, to any person obtaining a copy of this software"

    assert licence_of("peewee", {"License": "UNKNOWN", "LicenseText": text}) == "MIT"
    assert licence_of("peewee", {"License": "UNKNOWN", "LicenseText": "All rights reserved."}) == "UNKNOWN"
    assert licence_of("another", {"License": "UNKNOWN", "LicenseText": text}) == "UNKNOWN"
