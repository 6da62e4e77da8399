"""gunicorn's settings for every process; the bind address and the number of workers come from the command line.

The times along the chain: the head of a request has 10 s to arrive (`keepalive`, see kit/web/worker.py), its body
another 10 s (REQUEST_BODY_TIMEOUT_SECONDS); a call from the gateway may take 10 s, and a request there makes two at
most; a connection from the gateway is reused for at most 2 s after its last request there and kept for 10 s here, so
that the client always closes first (TRAPS 10). A stopping worker waits for idle connections as well, hence the short
times; it finishes what it has for at most 20 s, which must be less than the container's stop_grace_period.
"""

import os

from services.kit.core.logging import logging_configuration

worker_class = "services.kit.web.worker.Worker"
asgi_loop = "uvloop"
# Not the C parser: gunicorn 27 wants gunicorn_h1c 0.6.14 and the newest there is 0.6.9, which keeps at most 64 KiB of a
# request that arrives while the one before is being finished; gunicorn then closes the connection unanswered. Of
# bodies longer than that a third failed, between services too. It would answer 1.25 times as often.
http_parser = "python"
asgi_lifespan = "on"

keepalive = 10
graceful_timeout = 20
timeout = 60

limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190

# Nothing here asks for gunicorn's control interface, a socket in the home directory.
control_socket_disable = True

# No proxy's headers are believed: the gateway decides what a client's address is.
forwarded_allow_ips = ""

# The heartbeat file of a worker must not wait for a disk.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108

logconfig_dict = logging_configuration(os.environ["FLIX_PROCESS"], os.environ["LOG_LEVEL"])
