"""The gateway answers every generated request as its document says (100,000 in `make proof`)."""

import pytest

from tests.figures import PROOF, Figure
from tests.fuzz.campaign import fuzz, operations
from tests.installation import PROCESSES, Installation

# The number of cases, of examples for each operation in a round, and of sequences of requests.
CASES, EXAMPLES, SCENARIOS = (100_000, 60, 600) if PROOF else (2_000, 15, 80)
# Operations that need a right password or refresh token.
NEVER_SUCCEEDS = {"POST /api/admin/login", "POST /api/admin/token/refresh", "POST /api/admin/me/password"}
# In a short run a record may be deleted before an operation needs it.
UNLUCKY = 0 if PROOF else 3


@pytest.mark.full
def test_every_response_is_documented_and_none_is_a_failure(stack: Installation, figure: Figure) -> None:
    outcome = fuzz(stack, CASES, EXAMPLES, SCENARIOS, figure)

    assert outcome.failures == [], "\n\n".join(outcome.failures[:5])
    # Every phase ran, and nearly every operation succeeded.
    assert outcome.total >= CASES
    assert all(outcome.cases[phase] > 0 for phase in ("examples", "coverage", "fuzzing", "stateful"))
    assert len(operations() - outcome.succeeded - NEVER_SUCCEEDS) <= UNLUCKY, outcome.succeeded
    assert [name for name in PROCESSES if '"level":"error"' in stack.log_lines(name)] == []
