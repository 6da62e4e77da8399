"""Launches while processes are killed, paused and cut off, in an order that hypothesis draws.

Each example ends with everything healed: then the model must be right, and nothing may be left over.
"""

import itertools
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.faults.launches import Launches
from tests.faults.model import Path
from tests.faults.proxy import Fate
from tests.faults.stack import FaultStack
from tests.figures import PROOF, Figure, so_many
from tests.installation import PROCESSES

EXAMPLES = so_many(3, 60)
STEPS = so_many(15, 40)
# With more faults at once no request would be answered.
FAULTS_AT_ONCE = 2

picks = st.integers(0, 1_000)
flags = st.booleans()
windows = st.sampled_from(
    [(-60.0, None), (-60.0, None), (-1.0, 1.5), (0.4, None), (0.8, 1.0), (1.5, None), (600.0, None), (-60.0, 30.0)]
)
actions = st.sampled_from(["playback", "quiz", "quiz/submit", "quiz/submit"])
fates = st.sampled_from([each for each in Fate if each is not Fate.PASS])


def where(condition: Callable[[Any], object]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let the rule do nothing unless the condition holds.

    It is no precondition: what hypothesis draws must not depend on what has happened, and no two runs of a stack in
    which things break are alike.
    """

    def decorate(step: Callable[..., None]) -> Callable[..., None]:
        @wraps(step)
        def perhaps(self: Any, **drawn: Any) -> None:
            if condition(self):
                step(self, **drawn)

        return perhaps

    return decorate


class LaunchesUnderFaults(RuleBasedStateMachine):
    """Each rule is one operation, or one fault."""

    stack: ClassVar[FaultStack]
    counts: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.stack.heal()
        self.launches = Launches(self.stack)
        self.broken = 0

    @initialize(private=flags, keyed=flags)
    def launch(self, private: bool, keyed: bool) -> None:
        """Create an event with two lessons and their quizzes."""
        while not self._has(1):
            # On a busy machine the response may come too late.
            self.launches.create_event(private=private, keyed=keyed)
        [event] = self.launches.known(1)
        self.launches.create_lesson(event, -60, None, keyed=keyed)
        self.launches.create_lesson(event, 0.5, 3, keyed=keyed)
        for lesson in self.launches.known(2):
            self.launches.create_quiz(lesson, keyed=keyed)

    def _one(self, length: int, pick: int) -> Path:
        known = self.launches.known(length)
        return known[pick % len(known)]

    def _has(self, length: int) -> bool:
        return bool(self.launches.known(length))

    # Admins

    @rule(private=flags, keyed=flags)
    def create_event(self, private: bool, keyed: bool) -> None:
        self.launches.create_event(private=private, keyed=keyed)

    @rule(pick=picks)
    @where(lambda self: self._has(1))
    def update_event(self, pick: int) -> None:
        self.launches.update_event(self._one(1, pick))

    @rule(pick=picks)
    @where(lambda self: len(self.launches.known(1)) > 1)
    def delete_event(self, pick: int) -> None:
        self.launches.delete(self._one(1, pick))

    @rule(pick=picks, window=windows, keyed=flags)
    @where(lambda self: self._has(1))
    def create_lesson(self, pick: int, window: tuple[float, float | None], keyed: bool) -> None:
        self.launches.create_lesson(self._one(1, pick), *window, keyed=keyed)

    @rule(pick=picks, window=windows)
    @where(lambda self: self._has(2))
    def update_lesson(self, pick: int, window: tuple[float, float | None]) -> None:
        self.launches.update_lesson(self._one(2, pick), *window)

    @rule(pick=picks)
    @where(lambda self: self._has(2))
    def delete_lesson(self, pick: int) -> None:
        self.launches.delete(self._one(2, pick))

    @rule(pick=picks)
    @where(lambda self: self._has(2))
    def delete_lesson_while_a_quiz_is_made(self, pick: int) -> None:
        self.launches.delete_while_a_quiz_is_made(self._one(2, pick))

    @rule(pick=picks, keyed=flags)
    @where(lambda self: self._has(2))
    def attach(self, pick: int, keyed: bool) -> None:
        self.launches.attach(self._one(2, pick), keyed=keyed)

    @rule(pick=picks, keyed=flags)
    @where(lambda self: self._has(2))
    def create_quiz(self, pick: int, keyed: bool) -> None:
        self.launches.create_quiz(self._one(2, pick), keyed=keyed)

    @rule(pick=picks)
    @where(lambda self: self._has(3))
    def update_quiz(self, pick: int) -> None:
        self.launches.update_quiz(self._one(3, pick))

    @rule(pick=picks)
    @where(lambda self: self._has(3))
    def delete_quiz(self, pick: int) -> None:
        self.launches.delete(self._one(3, pick))

    @rule(pick=picks)
    @where(lambda self: self._has(1))
    def read(self, pick: int) -> None:
        self.launches.read([self._one(1, pick)])

    # Learners

    @rule(pick=picks, with_key=flags)
    @where(lambda self: self._has(1))
    def look(self, pick: int, with_key: bool) -> None:
        self.launches.look(self._one(1, pick), with_key=with_key)

    @rule(pick=picks, with_key=flags)
    @where(lambda self: self._has(2))
    def check_access(self, pick: int, with_key: bool) -> None:
        self.launches.check_access(self._one(2, pick), with_key=with_key)

    @rule(pick=picks, action=actions, keyed=flags, times=st.integers(1, 10))
    @where(lambda self: self._has(2))
    def enter(self, pick: int, action: str, keyed: bool, times: int) -> None:
        lesson = self._one(2, pick)
        for _ in range(times):
            self.launches.enter(lesson, action, with_key=True, keyed=keyed)

    @rule(pick=picks, action=actions)
    @where(lambda self: self._has(2))
    def enter_without_the_key(self, pick: int, action: str) -> None:
        self.launches.enter(self._one(2, pick), action, with_key=False)

    # Faults

    @rule(name=st.sampled_from(PROCESSES))
    @where(lambda self: self.broken < FAULTS_AT_ONCE)
    def kill(self, name: str) -> None:
        if self.stack.is_up(name):
            self._break("killed", lambda: self.stack.kill(name))

    @rule(name=st.sampled_from(PROCESSES))
    @where(lambda self: self.broken < FAULTS_AT_ONCE)
    def pause(self, name: str) -> None:
        if self.stack.is_up(name):
            self._break("paused", lambda: self.stack.pause(name))

    @rule(pick=picks, holding=flags)
    @where(lambda self: self.broken < FAULTS_AT_ONCE)
    def part(self, pick: int, holding: bool) -> None:
        link = self._line(pick)
        self._break("cut off", link.hold if holding else link.refuse)

    @rule(pick=picks, fate=fates, times=st.integers(1, 5))
    @where(lambda self: self.broken < FAULTS_AT_ONCE)
    def break_next(self, pick: int, fate: Fate, times: int) -> None:
        link, coming = self._line(pick), itertools.chain([fate] * times, itertools.repeat(Fate.PASS))
        link.choose = lambda: next(coming)
        self.counts["lines broken"] += 1

    @rule()
    @where(lambda self: self.broken)
    def mend(self) -> None:
        self.stack.heal()
        self.broken = 0

    def _line(self, pick: int) -> Any:
        lines = list(self.stack.links.values())
        return lines[pick % len(lines)]

    def _break(self, how: str, fault: Callable[[], None]) -> None:
        fault()
        self.broken += 1
        self.counts[how] += 1

    def teardown(self) -> None:
        try:
            self.launches.settle()
            self.launches.clear()
        finally:
            self.counts.update(self.launches.ledger.counts)
            self.launches.close()


@pytest.mark.full
def test_launches_lose_nothing_and_open_on_time_under_faults(stack: FaultStack, engine: str, figure: Figure) -> None:
    counts: Counter[str] = Counter()
    machine = type("Launches", (LaunchesUnderFaults,), {"stack": stack, "counts": counts})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            # A shorter example would not fail in the same way.
            phases=[Phase.generate],
            derandomize=not PROOF,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    counted = ", ".join(f"{number} {what}" for what, number in counts.items())
    figure(f"launches on {engine}, {EXAMPLES} examples of {STEPS} steps: {counted}; lost 0, orphans 0, twice 0")
    assert counts["acknowledged"] > 0
    assert counts["killed"] + counts["paused"] + counts["cut off"] > 0
