"""The lock files: each package in one version, with hashes, as pyproject.toml asks for."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from deploy.release.verdict import Verdict, verdict_of

RUNTIME, DEVELOPMENT = "requirements.lock", "requirements-dev.lock"
# uv writes this under a package that pyproject.toml names.
_DIRECT = re.compile(r"#\s+(via )?flix \(pyproject\.toml:(tools|dev)\)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})(?=\s|$)")


@dataclass(frozen=True)
class Locked:
    """A package of a lock file; `requirement` holds its version and the platforms it is for."""

    name: str
    requirement: Requirement
    hashes: frozenset[str]
    is_direct: bool

    @property
    def version(self) -> str | None:
        """The only version that it allows; None where it allows several."""
        specifiers = [each for each in self.requirement.specifier if each.operator == "==" and "*" not in each.version]
        return specifiers[0].version if len(specifiers) == len(self.requirement.specifier) == 1 else None

    @property
    def applies_here(self) -> bool:
        """Whether it is for this Python on this machine."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate()


def check_lock(root: Path) -> Verdict:
    """Check that both lock files agree with pyproject.toml and allow no other file than the locked ones."""
    groups = dependency_groups(root / "pyproject.toml")
    runtime, development = read_lock(root / RUNTIME), read_lock(root / DEVELOPMENT)
    findings = [
        *_unfixed(RUNTIME, runtime),
        *_unfixed(DEVELOPMENT, development),
        *_unwanted(RUNTIME, runtime, groups["tools"]),
        *_unwanted(DEVELOPMENT, development, groups["dev"]),
        *_differing(runtime, development),
    ]
    return verdict_of("lock", findings, f"{len(runtime)} packages, {len(development)} with those for development")


def read_lock(file: Path) -> list[Locked]:
    """Return the packages of a lock file; raise InvalidRequirement for a line that names none."""
    return [_read(entry) for entry in _entries(file.read_text())]


def _entries(text: str) -> Iterator[str]:
    # A package starts in the first column; its hashes and origins are indented below it.
    for entry in re.split(r"^(?=\S)", text, flags=re.MULTILINE):
        if entry.strip() and not entry.startswith("#"):
            yield entry


def _read(entry: str) -> Locked:
    text = re.split(r"\s+(?:--|\\|#)|\s*\n", entry, maxsplit=1)[0]
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise InvalidRequirement(f"{text}: {error}") from None
    hashes = frozenset(_HASH.findall(entry))
    return Locked(str(canonicalize_name(requirement.name)), requirement, hashes, _DIRECT.search(entry) is not None)


def dependency_groups(pyproject: Path) -> Mapping[str, set[str]]:
    """Return the packages of each group of pyproject.toml, with those of the groups that it includes (PEP 735)."""
    groups: Any = tomllib.loads(pyproject.read_text())["dependency-groups"]

    def packages(group: str) -> Iterator[str]:
        for entry in groups[group]:
            if isinstance(entry, str):
                yield canonicalize_name(Requirement(entry).name)
            else:
                yield from packages(entry["include-group"])

    return {group: set(packages(group)) for group in groups}


def _unfixed(file: str, packages: Sequence[Locked]) -> Iterator[str]:
    for package in packages:
        if not package.hashes:
            yield f"{file}: {package.name} has no hash, so pip would take any file of that name"
        if package.version is None:
            yield f"{file}: {package.name} is not pinned to one version: {package.requirement}"


def _unwanted(file: str, packages: Sequence[Locked], wanted: set[str]) -> Iterator[str]:
    direct = {package.name for package in packages if package.is_direct}
    for name in sorted(wanted - direct):
        yield f"{file}: {name} is missing, and pyproject.toml names it: make lock"
    for name in sorted(direct - wanted):
        yield f"{file}: {name} is there, and pyproject.toml does not name it: make lock"


def _differing(runtime: Sequence[Locked], development: Sequence[Locked]) -> Iterator[str]:
    # The tested packages must be the shipped ones.
    tested = {(package.name, package.version): package.hashes for package in development}
    for package in runtime:
        if tested.get((package.name, package.version)) != package.hashes:
            yield f"{DEVELOPMENT}: {package.name} {package.version} is not the same as in {RUNTIME}"
