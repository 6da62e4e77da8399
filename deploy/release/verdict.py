"""The verdict of a check, and the table of all verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["passed", "FAILED", "NOT DONE"]


@dataclass(frozen=True)
class Verdict:
    """The result of a check: a summary in one line, and the findings, each with its place.

    NOT DONE, for a check that could not be made, is not a success.
    """

    check: str
    state: State
    summary: str
    findings: Sequence[str] = ()


def verdict_of(check: str, findings: Sequence[str], summary: str) -> Verdict:
    """Return FAILED where there are findings, else passed."""
    return Verdict(check, "FAILED" if findings else "passed", summary, findings)


def table(verdicts: Sequence[Verdict]) -> str:
    """Return one line for each check, then the findings."""
    width = max(len(verdict.check) for verdict in verdicts)
    lines = [f"{verdict.check:<{width}}  {verdict.state:<8}  {verdict.summary}" for verdict in verdicts]
    for verdict in verdicts:
        if verdict.findings:
            lines += ["", f"{verdict.check}:", *(f"  {finding}" for finding in verdict.findings)]
    return "\n".join(lines) + "\n"
