"""services.kit.web.serving: what is said of a port that cannot be used."""

import os
import socket
import sys
from dataclasses import replace

import pytest

from gateway.config import read_settings
from services.kit.web import serving


def test_a_server_on_a_used_port_ends_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "PORT_SECONDS", 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings = replace(read_settings({}), port=port)
        with pytest.raises(SystemExit) as ended:
            serving.serve(settings, "no.such:app")
    reason = f"port {port} on 127.0.0.1 cannot be used (Address already in use): stop what uses it, or set API_PORT"
    assert ended.value.code == f"gateway: {reason}"
    assert serving.port_problem(settings) is None


@pytest.mark.parametrize(("name", "variable"), [("gateway", "API_HOST"), ("quiz", "SERVICE_HOST")])
def test_an_address_of_another_machine_is_named_with_its_variable(name: str, variable: str) -> None:
    # 203.0.113.0/24 is for documentation (RFC 5737).
    settings = replace(read_settings({}), name=name, host="203.0.113.7", port=3001)
    reason = "port 3001 on 203.0.113.7 cannot be used (Cannot assign requested address)"
    assert serving.port_problem(settings) == f"{reason}: set {variable}"


def test_an_ipv6_address_is_bound_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr("gunicorn.app.wsgiapp.run", lambda: started.extend(sys.argv))
    monkeypatch.setattr(serving, "_require_port", lambda settings: None)
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(os, "environ", dict(os.environ))
    serving.serve(replace(read_settings({}), host="::1", port=3001), "json:loads")
    assert started[started.index("--bind") + 1] == "[::1]:3001"
