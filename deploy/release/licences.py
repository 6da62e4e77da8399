"""The licences of the runtime packages: each must be known, and none may extend to Flix."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from deploy.release.lock import RUNTIME, read_lock
from deploy.release.tools import run_tool
from deploy.release.verdict import Verdict, verdict_of

# Permissive licences, and those whose copyleft covers only the package's own files (MPL) or library (LGPL: psycopg,
# imported unchanged). Packages name them by SPDX identifiers or by PyPI's classifiers.
ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "Unlicense"),
    *("LGPL-3.0-only", "MPL-2.0"),
    *("Apache Software License", "BSD License", "ISC License (ISCL)", "MIT License"),
    *("Mozilla Public License 2.0 (MPL 2.0)", "Python Software Foundation License"),
}
# Packages whose metadata names no licence: the licence, and the first words of its text.
KNOWN_BY_TEXT = {
    "peewee": ("MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy"),
}
_OPERATORS = re.compile(r"\s+(?:AND|OR|WITH)\s+")


def list_licences(root: Path, output: Path) -> Verdict:
    """Write the licence of every runtime package for this machine to licences.json, and check it."""
    wanted = sorted(package.name for package in read_lock(root / RUNTIME) if package.applies_here)
    done = run_tool("pip-licenses", "--format=json", "--with-system", "--with-license-file", "--packages", *wanted)
    if done.returncode:
        return Verdict("licences", "FAILED", "pip-licenses listed none", done.stderr.splitlines())
    listed: dict[str, Any] = {canonicalize_name(each["Name"]): each for each in json.loads(done.stdout)}
    named = {name: licence_of(name, listed[name]) for name in wanted if name in listed}
    (output / "licences.json").write_text(json.dumps(named, indent=2) + "\n")
    findings = [
        *(f"{name} is locked and not installed: make clean test" for name in wanted if name not in listed),
        *(f"{name}: {licence}" for name, licence in named.items() if not is_allowed(licence)),
    ]
    return verdict_of("licences", findings, f"{len(named)} packages under {len(set(named.values()))} licences")


def licence_of(name: str, package: Any) -> str:
    """Return the licence in one line: from the package's licence text where that is known, else from pip-licenses."""
    licence, words = KNOWN_BY_TEXT.get(name, ("", ""))
    if licence and words in " ".join(package["LicenseText"].split()):
        return licence
    return " ".join(package["License"].split())


def is_allowed(licence: str) -> bool:
    """Return whether every licence in the expression is allowed, alternatives included."""
    return all(name in ALLOWED for name in _names(licence))


def _names(licence: str) -> Iterator[str]:
    # Classifiers stand beside each other with semicolons; an SPDX expression has AND, OR and parentheses.
    for part in re.split(r"\s*;\s*", licence):
        yield from [part] if part in ALLOWED else _OPERATORS.split(re.sub(r"[()]", "", part))
