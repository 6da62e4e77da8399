"""Every test that SECURITY.md names exists."""

import re
from pathlib import Path

from deploy.stack import ROOT

PAGE = (ROOT / "SECURITY.md").read_text()
# `tests/...`, with or without the name of one test.
NAMED = re.findall(r"`(tests/[\w/]+(?:\.py)?)(?:::(\w+))?`", PAGE)


def test_every_test_that_the_page_names_exists() -> None:
    missing = [path for path, name in NAMED if not _is_there(ROOT / path, name)]

    assert missing == []
    assert len(NAMED) > 20


def _is_there(place: Path, name: str) -> bool:
    return place.is_dir() if place.suffix == "" else place.is_file() and f"def {name}" in place.read_text()
