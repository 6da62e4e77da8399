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
LINKS = re.compile(r"\]\(([^):]+)\)")
# Mentions outside of links: a page, with its anchor or the beginnings of its headings.
MENTIONS = re.compile(r'\b(docs/[\w/-]+\.md)(?:#([\w-]+)|((?:,? (?:and )?"[^"\n]+")*))')
# Pages that are not in the repository under these names, and folders beside it.
OUTSIDE = re.compile(r"\bHOUSE(?:\.md)?\b|\bTRAPS\b|\.\./shared")
CITING_SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".sh", ".json", ""}


def exists(path: Path, test_name: str) -> bool:
    """Whether the folder or file is there, and the test in it."""
    return path.is_dir() or (path.is_file() and f"def {test_name}" in path.read_text())


def headings(page: Path) -> list[str]:
    """Return the headings of a page, without those that are comments in its blocks of code."""
    return re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S), re.MULTILINE)


def anchor(heading: str) -> str:
    """Return the name of a heading in links, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def leads_somewhere(link: str, page: Path) -> bool:
    """Whether the file of a link on this page exists, and has the heading."""
    name, _, fragment = link.partition("#")
    target = page.parent / name if name else page
    return target.exists() and (not fragment or fragment in map(anchor, headings(target)))


def citing_files() -> list[Path]:
    """The tracked files that may name others, relative to the root."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = map(Path, tracked.stdout.splitlines())
    return [name for name in names if name.suffix in CITING_SUFFIXES and (ROOT / name).is_file()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_tests_and_files_that_exist(page: Path) -> None:
    text = page.read_text()
    tests = [path for path, name in NAMED_TESTS.findall(text) if not exists(ROOT / path, name)]
    links = [link for link in LINKS.findall(text) if not leads_somewhere(link, page)]

    assert (tests, links) == ([], [])


def test_pages_and_headings_that_any_file_names_exist() -> None:
    wrong = []
    for file in citing_files():
        # A name may go on in the next line, of a comment or a text.
        text = re.sub(r"\s*\n\s*(?:# ?)?", " ", (ROOT / file).read_text(errors="replace"))
        for name, fragment, quoted in MENTIONS.findall(text):
            page = ROOT / name
            there = headings(page) if page.is_file() else []
            wanted = re.findall('"([^"]+)"', quoted)
            found = all(any(each.startswith(heading) for each in there) for heading in wanted)
            if not there or not found or (fragment and fragment not in map(anchor, there)):
                wrong.append(f"{file}: {name} {fragment or wanted}")

    assert wrong == []


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
    citing = [
        f"{file}:{number}"
        for file in citing_files()
        # The gate may start the engine that a build machine keeps beside the repository.
        if file != Path("tests/docs/test_pages.py") and file != Path(".ci/run")
        for number, line in enumerate((ROOT / file).read_text(errors="replace").splitlines(), 1)
        if OUTSIDE.search(line)
    ]

    assert citing == []
