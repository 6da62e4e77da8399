"""The requests of the bench, as the bytes that are sent."""

import json
from typing import Any

# In a request it stands for a new UUID each time that the request is sent.
MARKER = "00000000-0000-4000-8000-000000000000"
IDEMPOTENCY_KEY = "Idempotency-Key"


def get(path: str, **headers: str) -> bytes:
    """Return a GET without a body."""
    return _request("GET", path, b"", headers)


def post(path: str, body: Any, **headers: str) -> bytes:
    """Return a POST with this JSON; underscores in the names of headers are hyphens."""
    content = json.dumps(body, separators=(",", ":")).encode()
    typed = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    return _request(
        "POST", path, content, {**typed, **{name.replace("_", "-"): text for name, text in headers.items()}}
    )


def _request(method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
