"""`flix up`: migrate, seed `demo` into a new installation, start the stack, and stop it on Ctrl-C.

`flix` gives its process over to `python -m deploy.run`, which stays as long as the stack and loads little. With --json
standard output gets one document when everything is ready, or when nothing could be started.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from deploy import env_file, log_files, stack
from deploy.folder_lock import locked, note_without_metrics, unwritable
from deploy.folders import DATA, LOGS
from deploy.output import write
from deploy.signals import on_end
from deploy.supervision import Supervised
from services.auth.config import Settings as AuthSettings
from services.kit.core.config import ServerSettings
from services.kit.core.failures import CommandFailed

WATCH_SECONDS = 0.5


@dataclass(frozen=True)
class Output:
    """What people read; with `as_json` standard output is for one document, and lines go to standard error."""

    as_json: bool

    def line(self, text: str) -> None:
        """Write a line."""
        write(sys.stderr if self.as_json else sys.stdout, f"{text}\n")

    def ready(self, address: str, settings: Mapping[str, ServerSettings], seconds: float) -> None:
        """Write that everything is ready."""
        document = {"ok": True, "problems": [], "address": address, "logs": str(LOGS), "seconds": round(seconds, 1)}
        text = json.dumps(document) if self.as_json else _welcome(address, settings, seconds)
        write(sys.stdout, f"{text}\n")

    def failed(self, problems: list[str]) -> None:
        """Write why nothing runs."""
        if self.as_json:
            write(sys.stdout, f"{json.dumps({'ok': False, 'problems': problems})}\n")
        else:
            write(sys.stderr, "".join(f"{each}\n" for each in problems))


def main() -> int:
    """Return 0 after Ctrl-C, 1 when the stack could not start."""
    output = Output(as_json=sys.argv[1:] == ["--json"])
    # The databases contain password hashes and signing keys.
    os.umask(0o077)
    stopping = threading.Event()
    on_end(lambda _number, _frame: stopping.set())
    try:
        env_file.load()
        settings = stack.read_settings(os.environ)
        bounds = log_files.read_bounds(os.environ)
        stack.require_own_databases(settings.values())
        _make_folder(LOGS)
        with locked(DATA) as lock:
            stack.require_free_ports(settings.values())
            log_files.rotate_all(LOGS, bounds)
            _run(settings, bounds, lock, stopping, output)
    except CommandFailed as error:
        output.failed(error.lines)
        return 1
    output.line("stopped")
    return 0


def _run(
    settings: Mapping[str, ServerSettings],
    bounds: log_files.Bounds,
    lock: int,
    stopping: threading.Event,
    output: Output,
) -> None:
    """Run the stack until `stopping` is set. Raise StartFailed when it does not start."""
    started_at = time.monotonic()
    taken = stack.taken_metrics_ports(os.environ)
    note_without_metrics(lock, DATA, list(taken))
    _prepare(lock, output)

    def start(name: str) -> stack.Process:
        # Otherwise `flix status` would show the numbers of the program that has the port.
        without = {"METRICS_PORT": "0"} if name in taken else {}
        return stack.start(name, {**os.environ, **without}, LOGS, [lock])

    supervised: list[Supervised] = []
    try:
        supervised.extend(Supervised(start(name), start, output.line) for name in stack.PROCESSES)
        address = f"http://{stack.reachable(settings['gateway'].host)}:{settings['gateway'].port}"
        processes = [each.process for each in supervised]
        stack.wait_until(lambda: stopping.is_set() or stack.is_ready(address), processes)
        if not stopping.is_set():
            if taken:
                output.line(_no_metrics(taken))
            output.ready(address, settings, time.monotonic() - started_at)
        elif output.as_json:
            raise stack.StartFailed("stopped before it was ready")
        while not stopping.wait(WATCH_SECONDS):
            for each in supervised:
                each.look()
                log_files.rotate_grown(each.process.log, bounds)
    finally:
        stack.stop(each.process for each in supervised)


def _prepare(lock: int, output: Output) -> None:
    """Migrate and seed. Raise StartFailed, without --json with no reason: deploy.prepare has written it."""
    if not output.as_json:
        stack.run_to_end("deploy.prepare", os.environ, [lock])
        return
    with TemporaryFile() as errors:
        try:
            stack.run_to_end("deploy.prepare", os.environ, [lock], sys.stderr.buffer, errors)
        except stack.StartFailed:
            errors.seek(0)
            raise stack.StartFailed(errors.read().decode(errors="replace")) from None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # An empty file would fit on a full disk.
        (folder / ".writable").write_bytes(b"written")
        # Another start at the same time may have removed it.
        (folder / ".writable").unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from None


def _welcome(address: str, settings: Mapping[str, ServerSettings], seconds: float) -> str:
    rows = {
        "API": address,
        "docs": f"{address}/docs",
        "health": f"{address}/health/ready",
        "logs": f"{LOGS}/*.log",
        "try next": f"curl -s {address}/api/public/events",
        "stop": "Ctrl-C",
        "admin": _sign_in(address, settings["auth"]),
    }
    table = "\n".join(f"  {name:<9} {value}" for name, value in rows.items())
    return f"\nFlix is ready after {seconds:.1f} s\n{table}\n"


def _no_metrics(taken: Mapping[str, int]) -> str:
    names, ports = ", ".join(taken), ", ".join(map(str, sorted(set(taken.values()))))
    if os.environ.get("METRICS_PORT"):
        advice = "leave METRICS_PORT empty, so that each process has its own"
    else:
        advice = "METRICS_HOST=127.0.0.2 has them free, METRICS_PORT=0 shows none"
    return f"no metrics of {names}: in use is {ports} ({advice})"


def _sign_in(address: str, auth: ServerSettings) -> str:
    """Return the credentials to sign in with, in the local profile and only if they work."""
    if auth.profile != "local" or not isinstance(auth, AuthSettings):
        return "as it was set up"
    credentials = json.dumps({"username": auth.admin_username, "password": auth.admin_password}).encode()
    works = stack.responds_well(address, "POST", "/api/admin/login", credentials)
    return f"{auth.admin_username} / {auth.admin_password}" if works else f"{auth.admin_username}, as it was set up"


if __name__ == "__main__":
    sys.exit(main())
