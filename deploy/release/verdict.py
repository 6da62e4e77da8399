"""What a check says, and the table of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["passed", "FAILED", "NOT DONE"]


@dataclass(frozen=True)
class Verdict:
    """A check's result: one line about it, and what was found, each with the place where it is.

    NOT DONE is not a success: a check that could not be made says so, and the release waits for it.
    """

    check: str
    state: State
    told: str
    findings: Sequence[str] = ()


def judged(check: str, findings: Sequence[str], told: str) -> Verdict:
    """FAILED with the findings, if there are any."""
    return Verdict(check, "FAILED" if findings else "passed", told, findings)


def table(verdicts: Sequence[Verdict]) -> str:
    """One line a check, then what was found."""
    width = max(len(verdict.check) for verdict in verdicts)
    lines = [f"{verdict.check:<{width}}  {verdict.state:<8}  {verdict.told}" for verdict in verdicts]
    for verdict in verdicts:
        if verdict.findings:
            lines += ["", f"{verdict.check}:", *(f"  {finding}" for finding in verdict.findings)]
    return "\n".join(lines) + "\n"
