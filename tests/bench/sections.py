"""The parts of docs/benchmarks.md that are about more than single rows; each is empty when it was not measured."""

from collections.abc import Iterable, Mapping, Sequence

from tests.bench.beside import Growth
from tests.bench.footprint import Footprint
from tests.bench.overload import Overload
from tests.bench.spike import Spike
from tests.bench.targets import Check


def log_events(events: Mapping[str, Sequence[tuple[str, int, int, bool]]]) -> list[str]:
    """Log events beside answers, by subject."""
    rows = [
        [event, engine, f"{answers:,}", f"{lines:,}", "yes" if agree else "**no**"]
        for engine, listed in events.items()
        for event, answers, lines, agree in listed
    ]
    if not rows:
        return []
    explained = (
        "Each answer leaves its log events. wrk drops what is in flight when a run ends, up to 32 answers that were "
        "logged: so many more lines than answers agree."
    )
    return ["## Log events", explained, table(("event", "on", "answers", "lines", "agree"), rows)]


def rush(spikes_of: Mapping[str, Sequence[Spike]]) -> list[str]:
    """The minute a lesson opens, by engine."""
    rows = [
        [
            f"{spike.rate:,}/s",
            engine,
            f"{spike.failed:,} of {spike.calls:,}",
            f"{spike.p50:.1f}",
            f"{spike.p99:.1f}",
            f"{spike.maximum:.0f}",
            str(spike.early),
            f"{spike.late} ({spike.latest:.0f} ms)",
            f"{spike.generator_p99:.1f}",
            f"{spike.foreign:.0%}",
            verdicts(spike.checks(engine)),
        ]
        for engine, spikes in spikes_of.items()
        for spike in spikes
    ]
    if not rows:
        return []
    explained = (
        "An open loop: catalog, access check, playback, quiz and submit in equal shares, at fixed intended starts, and "
        "every time counts from there. The lesson opens 2 s after the start. Early is an answer before that instant "
        "that shows it open; late is a request after it that is told it is locked (in brackets, how long after). The "
        "last figure is how late the generator itself was (p99)."
    )
    head = ("rate", "on", "failed", "p50 ms", "p99 ms", "max ms", "early", "late", "generator ms", "others", "targets")
    return ["## The minute a lesson opens", explained, table(head, rows)]


def overload(overloads: Sequence[Overload]) -> list[str]:
    """More calls than can be answered."""
    if not overloads:
        return []
    rows = [
        [
            f"{each.times} times",
            f"{each.offered:,.0f}/s",
            f"{each.goodput:,.0f}/s",
            f"{each.good_p99:.1f}",
            f"{each.refused:,}",
            f"{each.refusal_p99:.1f}",
            f"{each.late:,}",
            f"{each.lost:,}",
            f"{each.memory_before:.0f}, {each.memory_after:.0f}",
            f"{each.unwell:,}",
            f"{each.after_p99:.1f}",
            f"{each.generator_p99:.1f}",
            f"{each.foreign:.0%}",
            verdicts(each.checks),
        ]
        for each in overloads
    ]
    first = overloads[0]
    explained = (
        "The same five calls in an open loop, from 64 addresses, with the servers (one worker each, SQLite) on one "
        f"core and the generator on another. With this split wrk's 32 connections had {first.peak:,.0f} answers a "
        f"second, the peak. Twice and four times as many are offered for {first.seconds:g} s, though never more than "
        "0.6 of what bare Falcon answers on that core. Good are answers below 400 within a second of the intended "
        "start, late those after it; memory (PSS) is before and after. 2 s after the load, half the peak is offered "
        "for 2 s."
    )
    head = (
        *("load", "offered", "good", "p99 ms", "refused", "p99 ms", "late", "lost", "memory MB"),
        *("failed 2 s after", "p99 ms", "generator ms", "others", "targets"),
    )
    return ["## More than can be answered", explained, table(head, rows)]


def beside(growth: Sequence[Growth]) -> list[str]:
    """A large installation, and learners beside other work."""
    rows = [
        [
            each.check.of,
            each.before,
            each.after,
            f"{each.check.value:.2f}",
            f"{max(each.foreign):.0%}",
            each.check.verdict,
        ]
        for each in growth
    ]
    return [
        "## A large installation, and learners beside other work",
        "1,000 events, 30,000 lessons, 10,000 quizzes and 100,000 attempts beside a tenth of that, in turn, on "
        "SQLite; and the p99 of learners before and while a client signs in, or reads whole lists of the large "
        "installation, again and again.",
        table(("what", "before", "after", "times worse", "others", "target"), rows),
    ]


def memory_and_start(found: Footprint, memory: Mapping[str, Mapping[str, float]], workers: int) -> list[str]:
    """What an idle installation needs, and what each process has after the load, by subject."""
    idle, in_time = found.checks
    rows = [
        ["`make run`, one worker each, idle", f"{found.idle:,.0f}", idle.verdict],
        *(
            [f"{process} on {subject}, {workers} workers, after the load", f"{megabytes:,.0f}", ""]
            for subject, processes in memory.items()
            for process, megabytes in [*processes.items(), ("all together", sum(processes.values()))]
        ),
    ]
    started = (
        f"`make run` is ready {found.start:.1f} s after its start ({in_time.verdict}), and {found.first_start:.1f} s "
        "with migrations and samples in a new installation."
    )
    return ["## Memory and start", started, table(("memory (PSS)", "MB", "target"), rows)]


def verdicts(checks: Iterable[Check]) -> str:
    """Return each target with whether it is met, in one cell."""
    return "; ".join(check.verdict for check in checks)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)
