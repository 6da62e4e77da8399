"""services.kit.web.idle_connections: which connection is closed for a new one, what is refused, and the log."""

from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from services.kit.core.refusal_log import LOG_SECONDS
from services.kit.web.idle_connections import Connections, most_connections


@dataclass(eq=False)
class Client:
    """A connection that notes its end."""

    address: str = "192.0.2.1"
    is_sending: bool = False
    is_closed: bool = field(default=False, init=False)

    def close_idle(self) -> None:
        self.is_closed = True


def added(connections: Connections, *clients: Client) -> list[Client]:
    for each in clients:
        connections.add(each)
    return list(clients)


def closed(*clients: Client) -> list[bool]:
    return [each.is_closed for each in clients]


@pytest.mark.parametrize(
    ("files", "worker_connections", "most"),
    [(1024, 10_000, 512), (4096, 10_000, 2096), (20_000, 10_000, 10_000), (20_000, 1000, 1000)],
)
def test_the_bound_leaves_files_for_everything_else(files: int, worker_connections: int, most: int) -> None:
    assert most_connections(files, worker_connections) == most


def test_the_connection_that_is_idle_longest_is_closed_for_a_new_one() -> None:
    connections = Connections(most=3)
    first, second, third = added(connections, Client(), Client(), Client())
    # From its last response on the first is idle for less time than the others, from which no head has come.
    assert connections.start_request(first)
    connections.end_request(first)
    fourth, fifth = added(connections, Client(), Client())
    assert closed(first, second, third, fourth, fifth) == [False, True, True, False, False]
    added(connections, Client())
    assert closed(first, fourth, fifth) == [True, False, False]


def test_a_connection_that_ended_by_itself_leaves_its_place() -> None:
    connections = Connections(most=1)
    [first] = added(connections, Client())
    connections.remove(first)
    [second] = added(connections, Client())
    assert closed(first, second) == [False, False]


def test_a_connection_with_a_request_in_progress_is_never_closed() -> None:
    connections = Connections(most=8)
    busy = added(connections, *(Client() for _ in range(7)))
    assert [connections.start_request(each) for each in busy] == [True] * 7
    # One place in eight is kept for new ones: the eighth request is refused.
    waiting, new = added(connections, Client(), Client())
    assert (waiting.is_closed, new.is_closed) == (True, False)
    assert not connections.start_request(new)
    assert not any(closed(*busy))
    connections.remove(new)
    connections.remove(busy[0])
    [next_] = added(connections, Client())
    assert connections.start_request(next_)


def test_a_connection_that_is_still_sending_is_not_closed() -> None:
    connections = Connections(most=2)
    sending, idle = added(connections, Client(is_sending=True), Client())
    added(connections, Client())
    assert closed(sending, idle) == [False, True]


def test_a_part_of_the_idle_connections_makes_room() -> None:
    connections = Connections(most=100)
    clients = added(connections, *(Client() for _ in range(16)))
    connections.make_room()
    assert closed(*clients) == [True] * 3 + [False] * 13
    for _ in range(20):
        connections.make_room()
    assert all(closed(*clients))


def test_the_log_names_who_holds_most_once_a_minute() -> None:
    seconds = 0.0
    connections = Connections(most=4, clock=lambda: seconds)
    with capture_logs() as lines:
        added(connections, *(Client(address) for address in ("192.0.2.1", "192.0.2.2", "192.0.2.2")))
        busy, *_ = added(connections, *(Client("192.0.2.2") for _ in range(4)))
        connections.start_request(busy)
        seconds = LOG_SECONDS - 1.0
        added(connections, Client())
        seconds = LOG_SECONDS
        added(connections, Client())
    common = {"event": "connections_full", "log_level": "warning", "most": 4, "refused": 0, "address": "192.0.2.2"}
    assert lines == [
        {**common, "idle": 3, "closedIdle": 1, "held": 3},
        {**common, "idle": 2, "closedIdle": 4, "held": 3},
    ]
