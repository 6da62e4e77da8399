"""gunicorn's parser of requests, made faster: regular expressions check what it checks byte by byte in Python.

It accepts and refuses the same. A usual head that has arrived whole is read at once, any other as gunicorn reads it.
"""

import re

from gunicorn.asgi.parser import PythonProtocol

# RFC 9110 sections 5.6.2 and 5.5. Nothing is tried twice ("++"), so the time grows with the length of a head only.
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_NO_TEXT = rb"\x00-\x08\x0a-\x1f\x7f"
_IS_TOKEN = re.compile(_TOKEN).fullmatch
_HAS_NO_TEXT = re.compile(rb"[" + _NO_TEXT + rb"]").search
_USUAL_HEAD = re.compile(
    rb"([A-Z]{3,20}) (/[\x21-\x7e]*+) HTTP/1\.1\r\n((?:" + _TOKEN + rb":[^" + _NO_TEXT + rb"]*+\r\n)*+)\r\n"
)


class Parser(PythonProtocol):
    """The parser of a connection."""

    def _parse_request_line(self) -> bool:
        return self._parse_usual_head() or bool(super()._parse_request_line())

    def _parse_usual_head(self) -> bool:
        """Read a head that is whole, within the limits and usual; return False, with nothing read, for any other."""
        # What has been looked at before did not end a line.
        found = None if self._scan_from else _USUAL_HEAD.match(self._buffer)
        if found is None or found.end() > min(self._limit_request_line, self._limit_request_field_size):
            return False
        method, target, fields = found.groups()
        lines = fields.split(b"\r\n")[:-1]
        if len(lines) > self._limit_request_fields:
            return False
        self.method, self.path, self.http_version = method, target, (1, 1)
        for line in lines:
            name, _, value = line.partition(b":")
            self._headers_list.append((name.lower(), value.strip(b" \t")))
        self._header_count = len(lines)
        del self._buffer[: found.end()]
        self._finalize_headers()
        return True

    def _is_valid_token(self, data: bytes) -> bool:
        return _IS_TOKEN(data) is not None

    def _has_invalid_header_chars(self, value: bytes) -> bool:
        return _HAS_NO_TEXT(value) is not None
