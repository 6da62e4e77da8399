"""Every sentence of docs/contract/BEHAVIOUR.md has a test: test_behaviour_*.py quote that page in their docstrings."""

import ast
import re
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]

# Sentences that no test over HTTP can show, and where they are shown.
ELSEWHERE = {
    "`baseline.openapi.yaml` gives the shapes; this page gives the rules.": "test_operations.py",
    "Existing clients were built against them, so they hold for every storage profile.": "each test runs on both",
    '"Tightened" marks where we are deliberately safer than the old implementation without breaking a client; '
    '"Widened" marks where we take more than it did.': "",
    "This page and the document beside it are copied into the repository (docs/contract/), "
    "where the tests read them.": "",
}
_UNTESTED_SECTION = "## Storage of the old baseline"


def test_every_sentence_is_quoted_by_a_test() -> None:
    quotations = [quotation for quotation in _quotations().values() if len(quotation) > 15]
    assert [sentence for sentence in _sentences() if not _is_quoted(sentence, quotations)] == []


def test_every_test_of_behaviour_quotes_the_page() -> None:
    page = _unwrapped(_page())
    assert [name for name, quotation in _quotations().items() if quotation not in page] == []


def _is_quoted(sentence: str, quotations: list[str]) -> bool:
    return sentence in ELSEWHERE or any(each in sentence or sentence in each for each in quotations)


def _sentences() -> list[str]:
    lines = [line for line in _page().splitlines() if not line.startswith("#")]
    bullets = re.split(r"(?:\n|^)(?:- |\n(?:- )?)", "\n".join(lines))
    return [
        sentence
        for bullet in bullets
        for sentence in re.split(r"(?<=[a-z0-9)`}\"]\.) (?=[A-Z0-9`\"])", _unwrapped(bullet))
        if sentence
    ]


def _quotations() -> dict[str, str]:
    return {
        f"{path.name}::{node.name}": _unwrapped((ast.get_docstring(node) or "no quotation").rstrip())
        for path in sorted(FOLDER.glob("test_behaviour_*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def _page() -> str:
    return (ROOT / "docs" / "contract" / "BEHAVIOUR.md").read_text().partition(_UNTESTED_SECTION)[0]


def _unwrapped(text: str) -> str:
    return " ".join(text.split())
