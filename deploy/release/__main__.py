"""`make release-check`: run every check, write reports to data/release and print a table; exit 1 on a finding."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from deploy.release.audit import audit
from deploy.release.bill import make_bill
from deploy.release.images import CHECK as IMAGES
from deploy.release.images import check_images
from deploy.release.leaks import check_tree
from deploy.release.licences import list_licences
from deploy.release.lock import check_lock
from deploy.release.verdict import Verdict, table
from deploy.stack import ROOT

OUTPUT = Path("data/release")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every check, write the reports and return the exit code."""
    options = _parser().parse_args(arguments)
    output = ROOT / OUTPUT
    output.mkdir(parents=True, exist_ok=True)
    verdicts = list(_verdicts(output))
    text = table(verdicts)
    (output / "summary.txt").write_text(text)
    sys.stdout.write(f"\n{text}")
    return exit_code(verdicts, without_audit=options.without_audit, in_ci=os.environ.get("CI") == "true")


def exit_code(verdicts: Sequence[Verdict], *, without_audit: bool, in_ci: bool) -> int:
    """Return 0 when every check has passed, or was not done and is optional."""
    # A laptop may have no Docker engine; in CI a check that is left out would look like success.
    optional = {"audit": without_audit, IMAGES: not in_ci}
    passed = [
        verdict.state == "passed" or (verdict.state == "NOT DONE" and optional.get(verdict.check, False))
        for verdict in verdicts
    ]
    return 0 if all(passed) else 1


def _verdicts(output: Path) -> Iterator[Verdict]:
    checks: dict[str, Callable[[], Verdict]] = {
        "lock": lambda: check_lock(ROOT),
        "audit": lambda: audit(ROOT, output),
        "sbom": lambda: make_bill(ROOT, output),
        "licences": lambda: list_licences(ROOT, output),
        "secrets in the tree": lambda: check_tree(ROOT),
        IMAGES: lambda: check_images(ROOT),
    }
    for name, check in checks.items():
        sys.stderr.write(f"{name} ...\n")
        yield _run(name, check)


def _run(name: str, check: Callable[[], Verdict]) -> Verdict:
    # One check that breaks must not stop the others.
    try:
        return check()
    except Exception as error:
        return Verdict(name, "FAILED", f"broke off: {type(error).__name__}: {' '.join(str(error).split())}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.release", description=__doc__)
    parser.add_argument(
        "--without-audit",
        action="store_true",
        help="pass without vulnerability data; the table says that nothing was audited (WITHOUT_AUDIT=1)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
