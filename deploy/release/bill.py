"""The software bill of materials (CycloneDX) of the packages that are locked for the images."""

import json
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from deploy.release.lock import RUNTIME, read_lock
from deploy.release.tools import run_tool
from deploy.release.verdict import Verdict, verdict_of

FILE = "sbom.cdx.json"


def make_bill(root: Path, output: Path) -> Verdict:
    """Write the bill with cyclonedx-py, which validates it; it must list every locked package with its hashes."""
    file = output / FILE
    file.unlink(missing_ok=True)
    options = (f"--pyproject={root / 'pyproject.toml'}", "--output-reproducible", f"--output-file={file}")
    done = run_tool("cyclonedx-py", "requirements", str(root / RUNTIME), *options)
    if done.returncode:
        return Verdict("sbom", "FAILED", "cyclonedx-py made none", done.stderr.splitlines())
    bill: Any = json.loads(file.read_text())
    listed = {(canonicalize_name(part["name"]), part["version"]) for part in bill["components"] if hashes_of(part)}
    locked = {(package.name, package.version) for package in read_lock(root / RUNTIME)}
    findings = [
        f"{name} {version} is locked and lacks an entry with hashes" for name, version in sorted(locked - listed)
    ]
    return verdict_of(
        "sbom", findings, f"CycloneDX {bill['specVersion']}, {len(bill['components'])} components, in {FILE}"
    )


def hashes_of(component: Any) -> set[str]:
    """Return the SHA-256 of each file that the component may be installed from."""
    references = component.get("externalReferences", ())
    return {each["content"] for reference in references for each in reference.get("hashes", ())}
