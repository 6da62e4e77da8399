"""Whatever the gateway is sent, it answers as its document says and never fails (`make test-fuzz`: in full)."""

import pytest

from tests.figures import PROOF, Figure
from tests.fuzz.campaign import fuzz, operations
from tests.installation import PROCESSES, Installation

# What a round of the fuzzer sends for each operation, and how many sequences of requests.
CASES, EXAMPLES, SCENARIOS = (100_000, 60, 600) if PROOF else (2_000, 15, 80)
# What needs a password that is right, or a refresh token: neither is guessed, though links may lead to them.
NEVER_SUCCEEDS = {"POST /api/admin/login", "POST /api/admin/token/refresh", "POST /api/admin/me/password"}
# In a short run what an operation needs may have been deleted before its turn comes.
UNLUCKY = 0 if PROOF else 3


@pytest.mark.full
def test_no_request_meets_a_failure_or_an_answer_that_is_not_documented(stack: Installation, figure: Figure) -> None:
    outcome = fuzz(stack, CASES, EXAMPLES, SCENARIOS, figure)

    assert outcome.failures == [], "\n\n".join(outcome.failures[:5])
    # Neither did it ask in vain: every phase ran, and the operations did what they are for.
    assert outcome.total >= CASES
    assert all(outcome.cases[phase] > 0 for phase in ("examples", "coverage", "fuzzing", "stateful"))
    assert len(operations() - outcome.succeeded - NEVER_SUCCEEDS) <= UNLUCKY, outcome.succeeded
    assert [name for name in PROCESSES if '"level":"error"' in stack.log_lines(name)] == []
