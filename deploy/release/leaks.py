"""Secrets in tracked files or in a folder, found by detect-secrets."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.release.tools import run_tool
from deploy.release.verdict import Verdict, verdict_of

# Texts that a person has reviewed and found to be no secret, in the tool's "baseline" format. Only kind and digest
# count, so moved files need no new review.
KNOWN = "deploy/release/known-secrets.json"
Known = frozenset[tuple[str, str]]


class ScanFailed(Exception):
    """detect-secrets failed; the message says why."""


@dataclass(frozen=True)
class Leak:
    """A text that looks like a secret; `digest` is its SHA-1, so that no report shows it."""

    file: str
    line: int
    kind: str
    digest: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.kind} {self.digest}"


def check_tree(root: Path) -> Verdict:
    """Check that no tracked file holds a secret, except texts that are known to be none."""
    check = "secrets in the tree"
    files = _files_of_git(root)
    if not files:
        return Verdict(check, "NOT DONE", f"{root} is no working copy of git")
    known = known_secrets(root)
    leaks = [leak for leak in _tree(root) if (leak.kind, leak.digest) not in known]
    hint = f"to record a text that is no secret: .venv/bin/detect-secrets scan --no-verify --baseline {KNOWN}"
    findings = [*map(str, leaks), *([hint] if leaks else [])]
    return verdict_of(check, findings, f"{files} files; {len(known)} texts are known to be none")


def known_secrets(root: Path) -> Known:
    """Return kind and digest of the texts that are known to be no secret, in whatever file."""
    return frozenset((leak.kind, leak.digest) for leak in _leaks(json.loads((root / KNOWN).read_text())))


def scan_folder(folder: Path) -> list[Leak]:
    """Return everything in the folder that looks like a secret; raise ScanFailed."""
    return _scan(folder, "--all-files", ".")


def _tree(root: Path) -> list[Leak]:
    return _scan(root, f"--exclude-files=^{re.escape(KNOWN)}$")


def _files_of_git(root: Path) -> int:
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=False)  # noqa: S607
    return len(listed.stdout.splitlines())


def _scan(folder: Path, *options: str) -> list[Leak]:
    # Without verification, which would send a secret to the service that it may belong to.
    done = run_tool("detect-secrets", "scan", "--no-verify", *options, folder=folder)
    if done.returncode:
        raise ScanFailed(" ".join(done.stderr.split())[-300:])
    return list(_leaks(json.loads(done.stdout)))


def _leaks(report: Mapping[str, Any]) -> Iterator[Leak]:
    for file, found in sorted(report["results"].items()):
        for each in found:
            yield Leak(file, each["line_number"], each["type"], each["hashed_secret"])
