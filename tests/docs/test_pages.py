"""The pages: what they name exists, and nothing cites a file outside the repository."""

import re
import subprocess
from pathlib import Path

import pytest

from deploy.stack import ROOT

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
README_WORDS = 600
# `tests/...`, with or without the name of one test.
NAMED_TESTS = re.compile(r"`(tests/[\w/]+(?:\.py)?)(?:::(\w+))?`")
LINKS = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
# Pages that are not in the repository under these names, and folders beside it.
OUTSIDE = re.compile(r"\bHOUSE(?:\.md)?\b|\bTRAPS\b|\.\./shared")
CITING_SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".sh", ""}


def exists(path: Path, test_name: str) -> bool:
    """Whether the folder or file is there, and the test in it."""
    return path.is_dir() or (path.is_file() and f"def {test_name}" in path.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_tests_and_files_that_exist(page: Path) -> None:
    text = page.read_text()
    tests = [path for path, name in NAMED_TESTS.findall(text) if not exists(ROOT / path, name)]
    links = [link for link in LINKS.findall(text) if not (page.parent / link).exists()]

    assert (tests, links) == ([], [])


def test_security_names_a_test_for_its_promises() -> None:
    assert len(NAMED_TESTS.findall((ROOT / "SECURITY.md").read_text())) > 20


def test_every_trap_that_is_mended_names_a_test() -> None:
    databases, _, rest = (ROOT / "docs/traps.md").read_text().partition("## Speed")
    entries = re.split(r"^\d+\. ", databases, flags=re.MULTILINE)[1:]

    assert [entry for entry in entries if not NAMED_TESTS.search(entry)] == []
    assert len(entries) == 14 and rest


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= README_WORDS


def test_nothing_cites_a_file_outside_the_repository() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [Path(name) for name in tracked.stdout.splitlines() if Path(name).suffix in CITING_SUFFIXES]
    citing = [
        f"{file}:{number}"
        for file in files
        # The gate may start the engine that a build machine keeps beside the repository.
        if file != Path("tests/docs/test_pages.py") and file != Path(".ci/run") and (ROOT / file).is_file()
        for number, line in enumerate((ROOT / file).read_text(errors="replace").splitlines(), 1)
        if OUTSIDE.search(line)
    ]

    assert citing == []
