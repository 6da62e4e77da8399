"""One run of wrk against one address, and what it measured."""

import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.machine import watching
from tests.bench.requests import MARKER

SCRIPT = Path(__file__).with_name("requests.lua")
# The same for every server measured.
CONNECTIONS = 32
# A response that takes longer counts as broken; wrk's own default of 2 s would hide how long it takes.
TIMEOUT_SECONDS = 30


class NoGenerator(Exception):
    """wrk is not installed."""


@dataclass(frozen=True)
class Run:
    """What one run measured.

    Times are in milliseconds. `answers` are responses below 400, and `rate` is how many of them a second; `refused` are
    the others, `broken` lost or late ones. `foreign` is the processor time of other processes, as a share of all cores;
    `spent` is that of the measured processes, in microseconds for each response.
    """

    answers: int
    rate: float
    p50: float
    p99: float
    maximum: float
    refused: int
    broken: int
    foreign: float
    spent: Mapping[str, float] = field(default_factory=dict)


def require_generator() -> str:
    """Return wrk's version; raise NoGenerator."""
    if shutil.which("wrk") is None:
        raise NoGenerator("wrk is not installed: apt-get install wrk, or the package wrk of your system")
    shown = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    return " ".join((shown.stdout or shown.stderr).split()[:2])


def measure(
    address: str,
    requests: Sequence[bytes],
    seconds: int,
    processes: Mapping[str, int] | None = None,
) -> Run:
    """Send the requests in turn over 32 connections for this many seconds; `processes` are to tell what they spent."""
    with tempfile.NamedTemporaryFile(suffix=".requests") as file:
        file.write(b"".join(b"%d\n%b" % (len(request), request) for request in requests))
        file.flush()
        with watching(processes) as usage:
            finished = subprocess.run(
                [
                    *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"),
                    *("--timeout", f"{TIMEOUT_SECONDS}s", "--script", str(SCRIPT), address),
                ],
                env={
                    "PATH": os.environ["PATH"],
                    "BENCH_REQUESTS": file.name,
                    "BENCH_MARKER": MARKER,
                    "BENCH_PREFIX": str(uuid.uuid4())[:24],
                },
                capture_output=True,
                text=True,
                check=False,
            )
    last = (finished.stdout.strip().splitlines() or [""])[-1]
    if not last.startswith("{"):
        raise RuntimeError(f"wrk failed: {finished.stdout}{finished.stderr}")
    result = json.loads(last)
    answers = result["requests"] - result["refused"]
    return Run(
        answers=answers,
        rate=answers / result["duration"] * 1_000_000,
        p50=result["p50"] / 1000,
        p99=result["p99"] / 1000,
        maximum=result["max"] / 1000,
        refused=result["refused"],
        broken=result["broken"],
        foreign=usage.foreign,
        spent={name: spent * 1_000_000 / max(1, result["requests"]) for name, spent in usage.seconds.items()},
    )
