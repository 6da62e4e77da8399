"""A server that breaks its connections off at once: the moment in which they are neither open nor closed."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# What `close` does then: the peer is told that the connection is broken, not that it is over.
RESET = struct.pack("ii", 1, 0)


@contextmanager
def resetting(answer: bytes = b"") -> Iterator[str]:
    """The host and port where each connection is reset, after that answer to the first question if there is one."""
    listener = socket.create_server(("127.0.0.1", 0))

    def reset_each() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                if answer:
                    with suppress(OSError):
                        connection.recv(65_536)
                        connection.sendall(answer)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    thread = threading.Thread(target=reset_each)
    thread.start()
    try:
        host, port = listener.getsockname()
        yield f"{host}:{port}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()
