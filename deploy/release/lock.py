"""The locked packages: each of one version and with the hashes of its files, as pyproject.toml asks for them."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from deploy.release.verdict import Verdict, judged

RUNTIME, DEVELOPMENT = "requirements.lock", "requirements-dev.lock"
# What uv writes under a package that pyproject.toml names itself.
_DIRECT = re.compile(r"#\s+(via )?flix \(pyproject\.toml\)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})(?=\s|$)")


@dataclass(frozen=True)
class Locked:
    """A line of a lock file; `requirement` holds the version and where it applies."""

    name: str
    requirement: Requirement
    hashes: frozenset[str]
    is_direct: bool

    @property
    def version(self) -> str | None:
        """The only version that it allows."""
        specifiers = [each for each in self.requirement.specifier if each.operator == "==" and "*" not in each.version]
        return specifiers[0].version if len(specifiers) == len(self.requirement.specifier) == 1 else None

    @property
    def applies_here(self) -> bool:
        """Whether it is for this Python on this machine."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate()


def check_lock(root: Path) -> Verdict:
    """Both lock files and pyproject.toml agree, and nothing in them can be another file than the one locked."""
    wanted = _wanted(root / "pyproject.toml")
    runtime, development = read_lock(root / RUNTIME), read_lock(root / DEVELOPMENT)
    findings = [
        *_unfixed(RUNTIME, runtime),
        *_unfixed(DEVELOPMENT, development),
        *_unwanted(RUNTIME, runtime, wanted["runtime"]),
        *_unwanted(DEVELOPMENT, development, wanted["runtime"] | wanted["development"]),
        *_parted(runtime, development),
    ]
    return judged("lock", findings, f"{len(runtime)} packages, {len(development)} with those for development")


def read_lock(file: Path) -> list[Locked]:
    """The packages of a lock file; raises InvalidRequirement for a line that names none."""
    return [_read(entry) for entry in _entries(file.read_text())]


def _entries(text: str) -> Iterator[str]:
    # A package begins in the first column; its hashes and reasons are indented under it.
    for entry in re.split(r"^(?=\S)", text, flags=re.MULTILINE):
        if entry.strip() and not entry.startswith("#"):
            yield entry


def _read(entry: str) -> Locked:
    said = re.split(r"\s+(?:--|\\|#)|\s*\n", entry, maxsplit=1)[0]
    try:
        requirement = Requirement(said)
    except InvalidRequirement as error:
        raise InvalidRequirement(f"{said}: {error}") from None
    hashes = frozenset(_HASH.findall(entry))
    return Locked(str(canonicalize_name(requirement.name)), requirement, hashes, _DIRECT.search(entry) is not None)


def _wanted(pyproject: Path) -> Mapping[str, set[str]]:
    project: Any = tomllib.loads(pyproject.read_text())["project"]
    named = {"runtime": project["dependencies"], "development": project["optional-dependencies"]["dev"]}
    return {kind: {canonicalize_name(Requirement(each).name) for each in names} for kind, names in named.items()}


def _unfixed(file: str, packages: Sequence[Locked]) -> Iterator[str]:
    for package in packages:
        if not package.hashes:
            yield f"{file}: {package.name} has no hash, so pip would take any file of that name"
        if package.version is None:
            yield f"{file}: {package.name} is not held to one version: {package.requirement}"


def _unwanted(file: str, packages: Sequence[Locked], wanted: set[str]) -> Iterator[str]:
    direct = {package.name for package in packages if package.is_direct}
    for name in sorted(wanted - direct):
        yield f"{file}: {name} is missing, and pyproject.toml names it: make lock"
    for name in sorted(direct - wanted):
        yield f"{file}: {name} is there, and pyproject.toml does not name it: make lock"


def _parted(runtime: Sequence[Locked], development: Sequence[Locked]) -> Iterator[str]:
    # What is tested is what is shipped.
    tested = {(package.name, package.version): package.hashes for package in development}
    for package in runtime:
        if tested.get((package.name, package.version)) != package.hashes:
            yield f"{DEVELOPMENT}: {package.name} {package.version} is not there as in {RUNTIME}"
