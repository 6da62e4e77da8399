"""pyproject.toml names for each part the packages that it imports, which are those of its image."""

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions

import pytest
from packaging.utils import canonicalize_name

from deploy.release.lock import dependency_groups
from deploy.stack import ROOT

GROUPS = dependency_groups(ROOT / "pyproject.toml")
KIT = ["services/kit/core", "services/kit/web", "deploy/gunicorn.conf.py"]
STORAGE = [*KIT, "services/kit"]
SOURCES = {
    "kit": KIT,
    "storage": STORAGE,
    "content": [*STORAGE, "services/content"],
    "quiz": [*STORAGE, "services/quiz"],
    "auth": [*STORAGE, "services/auth"],
    "gateway": [*KIT, "gateway"],
    "tools": ["services", "gateway", *(f"deploy/{each}" for each in ("*.py", "cli", "engines", "import_baseline"))],
}
OURS = {"services", "gateway", "deploy"}
# gunicorn loads uvloop by its name, and of Swagger UI only files are read. The kit shows progress by Rich where it is
# there: tests/compose/test_images.py.
NOT_COMPARED = {"uvloop", "flask-swagger-ui", "rich"}
# Pydantic pins the version of its core.
WITHIN = {"pydantic-core": "pydantic"}


def imported_modules(source: str) -> Iterator[str]:
    """Yield the first part of the names of all modules that a folder or file imports, also within functions."""
    for place in ROOT.glob(source):
        for file in [place] if place.is_file() else place.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    yield from (each.name.partition(".")[0] for each in node.names)
                elif isinstance(node, ast.ImportFrom):
                    yield str(node.module).partition(".")[0]


@pytest.mark.parametrize("part", SOURCES)
def test_a_group_names_the_packages_that_its_part_imports(part: str) -> None:
    modules = {module for source in SOURCES[part] for module in imported_modules(source)}
    distributions = packages_distributions()
    packages = {
        str(canonicalize_name(name))
        for module in modules - OURS - sys.stdlib_module_names
        for name in distributions[module]
    }
    imported = {WITHIN.get(package, package) for package in packages}

    assert imported - NOT_COMPARED == GROUPS[part] - NOT_COMPARED


def test_every_group_is_that_of_a_part() -> None:
    assert {*SOURCES, "dev"} == set(GROUPS)
