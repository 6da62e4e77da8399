"""A lock file that allows other files, or differs from pyproject.toml, is refused."""

from pathlib import Path

import pytest
from packaging.requirements import InvalidRequirement

from deploy.release.lock import check_lock, read_lock
from deploy.release.verdict import Verdict
from deploy.stack import ROOT

PYPROJECT = """
[project]
name = "flix"

[dependency-groups]
tools = ["Alpha_One", "beta[extra]>=2"]
dev = [{include-group = "tools"}, "gamma"]
"""
HASH = "--hash=sha256:" + "a1" * 32
OTHER_HASH = "--hash=sha256:" + "b2" * 32
DIRECT = "flix (pyproject.toml:tools)"
ALPHA = f"alpha-one==1.0 \\\n    {HASH} \\\n    {OTHER_HASH}\n    # via {DIRECT}\n"
BETA = f"beta==2.1 ; sys_platform == 'linux' \\\n    {HASH}\n    # via\n    #   alpha-one\n    #   {DIRECT}\n"
DELTA = f"delta==0.1 \\\n    {HASH}\n    # via beta\n"
GAMMA = f"gamma==3.0 \\\n    {HASH}\n    # via {DIRECT}\n"
NO_HASH = "requirements.lock: delta has no hash, so pip would take any file of that name"
RUNTIME, DEVELOPMENT = ALPHA + BETA + DELTA, ALPHA + BETA + DELTA + GAMMA


def checked(folder: Path, runtime: str = RUNTIME, development: str = DEVELOPMENT) -> Verdict:
    """Return the verdict on a project with these lock files."""
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "requirements.lock").write_text(runtime)
    (folder / "requirements-dev.lock").write_text(development)
    return check_lock(folder)


def test_the_locks_of_flix_pass() -> None:
    verdict = check_lock(ROOT)

    assert (verdict.state, verdict.findings) == ("passed", [])


def test_locks_that_agree_and_have_all_hashes_pass(tmp_path: Path) -> None:
    assert checked(tmp_path) == Verdict("lock", "passed", "3 packages, 4 with those for development", [])


def test_a_lock_is_read_with_versions_and_hashes(tmp_path: Path) -> None:
    checked(tmp_path)
    alpha, beta, delta = read_lock(tmp_path / "requirements.lock")

    assert [(each.name, each.version, each.is_direct, each.applies_here) for each in (alpha, beta, delta)] == [
        ("alpha-one", "1.0", True, True),
        ("beta", "2.1", True, True),
        ("delta", "0.1", False, True),
    ]
    assert (sorted(alpha.hashes), sorted(delta.hashes)) == (["a1" * 32, "b2" * 32], ["a1" * 32])


def test_a_package_for_another_system_does_not_apply(tmp_path: Path) -> None:
    checked(tmp_path, runtime=RUNTIME.replace("'linux'", "'win32'"))

    assert [each.applies_here for each in read_lock(tmp_path / "requirements.lock")] == [True, False, True]


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (DELTA, "delta==0.1\n    # via beta\n", NO_HASH),
        (DELTA, "delta==0.1 \\\n    --hash=md5:" + "a1" * 16 + "\n", NO_HASH),
        (DELTA, DELTA.replace("a1" * 32, "a1" * 31), NO_HASH),
        ("delta==0.1", "delta>=0.1", "requirements.lock: delta is not pinned to one version: delta>=0.1"),
        ("delta==0.1", "delta==0.*", "requirements.lock: delta is not pinned to one version: delta==0.*"),
        ("delta==0.1", "delta", "requirements.lock: delta is not pinned to one version: delta"),
        (
            "delta==0.1",
            "delta @ https://files.example/delta.whl",
            "requirements.lock: delta is not pinned to one version: delta @ https://files.example/delta.whl",
        ),
        (ALPHA, "", "requirements.lock: alpha-one is missing, and pyproject.toml names it: make lock"),
        (
            "# via beta",
            f"# via {DIRECT}",
            "requirements.lock: delta is there, and pyproject.toml does not name it: make lock",
        ),
    ],
)
def test_a_loose_or_different_lock_is_refused(tmp_path: Path, old: str, new: str, finding: str) -> None:
    verdict = checked(tmp_path, RUNTIME.replace(old, new), DEVELOPMENT.replace(old, new))

    assert verdict.state == "FAILED"
    assert verdict.findings[0] == finding
    assert finding.replace("requirements.lock", "requirements-dev.lock") in verdict.findings


def test_the_tested_packages_must_be_the_shipped_ones(tmp_path: Path) -> None:
    for development in (
        DEVELOPMENT.replace("delta==0.1", "delta==0.2"),
        DEVELOPMENT.replace(f"{HASH} \\\n    {OTHER_HASH}", HASH),
    ):
        verdict = checked(tmp_path, development=development)
        (finding,) = verdict.findings
        assert (verdict.state, finding.endswith("is not the same as in requirements.lock")) == ("FAILED", True)


def test_a_line_without_a_package_raises_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequirement, match="one two"):
        checked(tmp_path, runtime=RUNTIME + f"one two \\\n    {HASH}\n")
