"""Public tools that read the document: two linters, and generators of clients in TypeScript and Python."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from deploy.openapi.document import DOCUMENT, DOCUMENT_JSON
from tests.installation import Installation
from tests.without import do_without

pytestmark = pytest.mark.full

FOLDER = Path(__file__).parent
PROGRAMS = FOLDER / "node_modules" / ".bin"


def run(command: Sequence[str | Path], folder: Path = FOLDER, environment: Mapping[str, str] | None = None) -> str:
    """Run a tool, which must succeed; return what it says."""
    own = {**os.environ, **(environment or {})}
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def node_tool(name: str) -> Path:
    """Return the program of a locked Node package; without it the test is skipped, or fails in CI."""
    if shutil.which("node") is None:
        do_without("Node.js", "install Node.js 20 or later with npm")
    if not (PROGRAMS / name).exists():
        do_without(name, "run `npm ci` in tests/tools")
    return PROGRAMS / name


def test_validator_accepts_the_document() -> None:
    for document in (DOCUMENT, DOCUMENT_JSON):
        assert run([Path(sys.executable).with_name("openapi-spec-validator"), document]) == f"{document}: OK\n"


def test_linter_has_no_errors_and_no_warnings() -> None:
    report = run([node_tool("redocly"), "lint", DOCUMENT, "--config", FOLDER / "redocly.yaml", "--format=json"])
    assert '"errors": 0,\n    "warnings": 0,' in report, report


def test_typescript_client_compiles_under_strict(tmp_path: Path) -> None:
    types = tmp_path / "flix.d.ts"
    run([node_tool("openapi-typescript"), DOCUMENT, "-o", types])
    page = tmp_path / "page.ts"
    page.write_text((FOLDER / "page.ts").read_text())
    run(
        [
            node_tool("tsc"),
            "--strict",
            "--noEmit",
            "--target",
            "es2022",
            "--moduleResolution",
            "bundler",
            "--module",
            "esnext",
            page,
        ],
        tmp_path,
    )


def test_python_client_is_generated_without_a_warning_and_launches(tmp_path: Path, demo: Installation) -> None:
    generator = Path(sys.executable).with_name("openapi-python-client")
    client = tmp_path / "flix_client"
    # It formats what it wrote with ruff.
    path = {"PATH": f"{generator.parent}:{os.environ['PATH']}"}
    said = run([generator, "generate", "--path", DOCUMENT, "--meta", "none", "--output-path", client], environment=path)
    assert said == f"Generating {client}\n"
    launched = run([sys.executable, FOLDER / "launch.py", demo.address], environment={"PYTHONPATH": str(tmp_path)})
    assert launched.splitlines() == [
        "refused: EVENT_SLUG_CONFLICT",
        "the slug is wrong: VALIDATION_ERROR, fields: slug",
        "closed: LESSON_ACCESS_DENIED, status: blocked_private",
        "open: Rolling Out",
        "plays: https://www.youtube-nocookie.com/embed/aqz-KE-bpKQ",
        "passed: 100",
    ]
