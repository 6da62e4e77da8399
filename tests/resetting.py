"""A server that resets every connection."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# With this option `close` sends a reset (RST) instead of an orderly end.
RESET = struct.pack("ii", 1, 0)


@contextmanager
def resetting(answer: bytes = b"") -> Iterator[str]:
    """Yield host and port of the server; it sends the bytes, if any, before each reset."""
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
