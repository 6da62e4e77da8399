"""gunicorn's settings for every process; the bind address and the number of workers come from the command line.

The timeouts: the headers of a request must arrive within 10 s (`keepalive`, services/kit/web/connection.py), its body
within another 10 s (REQUEST_BODY_TIMEOUT_SECONDS). A call of the gateway may take 10 s; a request makes at most two.
The gateway reuses a connection within 2 s of its last request, and the service keeps it for 10 s, so that the client
always closes first (docs/traps.md, 10). A stopping worker waits for idle connections too, hence the short times. It
completes the requests in flight for at most 20 s, which must be less than the container's stop_grace_period. The
generation of a look may take 40 s (GENERATION_SECONDS in gateway/routes.py), so content and the gateway have longer:
without such a request in flight they stop as soon as the others do.
"""

import gc
import os
import signal
from typing import Any

from services.kit.core.logging import log, logging_configuration
from services.kit.core.processes import end_with_parent, raise_file_limit
from services.kit.web.metrics_board import MasterBoard
from services.kit.web.metrics_port import listen

worker_class = "services.kit.web.worker.Worker"
asgi_loop = "uvloop"
# Not the C parser (docs/decisions/067-python-http-parser.md): gunicorn 27 requires gunicorn_h1c 0.6.14, the newest is
# 0.6.10. 0.6.9 buffers at most 64 KiB of a request that arrives while the previous one is being completed; gunicorn
# then closes the connection without a response. A third of the longer bodies failed, also between services.
http_parser = "python"
asgi_lifespan = "on"

keepalive = 10
# A request whose client is gone is cancelled after this time, by the gateway and then by the service that it called.
# Not at once: what has begun in a thread is completed anyway, and mostly by then, with its log lines.
asgi_disconnect_grace_period = 1
graceful_timeout = 45 if os.environ["FLIX_PROCESS"] in ("auth", "content", "gateway") else 20
timeout = 60

# The most connections of a worker, fewer where the limit of open files is low (services/kit/web/idle_connections.py).
worker_connections = 10_000

limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190

# Not used: gunicorn's control interface, a socket in the home directory.
control_socket_disable = True

# Trust no proxy's headers: the gateway determines the client's address.
forwarded_allow_ips = ""

# The heartbeat file of a worker, in memory: it must not wait for a disk.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108

# Without access-log values, which gunicorn makes for each request as soon as logconfig_dict is set (docs/traps.md, 24).
logger_class = "services.kit.web.worker.Logger"
logconfig_dict = logging_configuration(os.environ["FLIX_PROCESS"], os.environ["LOG_LEVEL"])


# What is created in the lifetime of some hundred requests is let go at once; the collector only finds cycles, and stops
# everything meanwhile: 40 to 77 ms at 32 connections with Python's thresholds of 700, 10 and 10.
GARBAGE_THRESHOLDS = (20_000, 20, 50)


def post_worker_init(worker: Any) -> None:
    """Leave what is loaded by now out of garbage collection. To collect it would copy pages that all workers share."""
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


# The listener for scrapes and the workers' numbers, where METRICS_PORT is not 0. After a reload both sets of workers
# live for a while.
METRICS_OF_WORKERS = 4
metrics: dict[str, Any] = {}


def on_starting(server: Any) -> None:
    """Clean up what was imported, and raise the limit of open files, before the workers are forked."""
    host, _, port = os.environ.get("FLIX_METRICS", "").rpartition(":")
    if port and (listener := listen(host, int(port))) is not None:
        metrics.update(listener=listener, board=MasterBoard(METRICS_OF_WORKERS * server.cfg.workers))
    gc.collect()
    gc.freeze()
    before, files = raise_file_limit()
    log.info("file_limit_raised", before=before, files=files)


def pre_fork(server: Any, worker: Any) -> None:
    """Give a new worker a place for its numbers."""
    if metrics:
        worker.metrics_listener, worker.metrics_place = metrics["listener"], metrics["board"].give(worker.age)


def child_exit(server: Any, worker: Any) -> None:
    """Keep the numbers of a worker that has ended."""
    if metrics:
        metrics["board"].take_back(worker.age)


def post_fork(server: Any, worker: Any) -> None:
    """End a worker at once when its master is killed: nobody would replace it, or tell it to stop."""
    if not end_with_parent(worker.ppid, signal.SIGKILL):
        os._exit(1)
