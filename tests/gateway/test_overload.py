"""gateway.overload: what is refused while too much is in flight."""

import pytest
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.config import read_settings
from gateway.overload import BURST_SECONDS, CALM_SECONDS, Overload, Places
from services.kit.web.app import BodyTimeoutApp
from tests.gateway.fakes import ALLOWED_ORIGIN, SECRET
from tests.gateway.test_edge import READABLE
from tests.gateway.test_security_headers import PROTECTION

CATALOG = "/api/public/events/launch/catalog"
QUIZ = "/api/public/events/launch/lessons/first/quiz"
ONE_OF_EACH_KIND = [CATALOG, QUIZ, "/api/events", "/api/quizzes/quiz-1", "/api/admin/login"]
CROWDED_SECONDS = CALM_SECONDS


class Clock:
    """A clock that stands still."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def entered(places: Places, *addresses: str) -> list[bool]:
    return [places.enter(address) for address in addresses]


def crowded(clock: Clock, *addresses: str) -> Places:
    """Return places for 8 whose requests in flight are of these addresses, for too long to be a burst."""
    places = Places("catalogs", 8, clock)
    assert entered(places, *addresses, *["burst"] * (9 - len(addresses))) == [True] * 9
    for _ in range(9 - len(addresses)):
        places.leave("burst")
    clock.now += BURST_SECONDS
    return places


def test_within_the_bound_one_address_may_have_all_places(clock: Clock) -> None:
    places = crowded(clock, *["a"] * 7)
    assert entered(places, "a", "a") == [True, False]
    places.leave("a")
    assert entered(places, "a", "a") == [True, False]


def test_a_burst_passes_and_what_lasts_longer_does_not(clock: Clock) -> None:
    places = Places("catalogs", 8, clock)
    assert entered(places, *["a"] * 129) == [True] * 128 + [False]
    clock.now += BURST_SECONDS
    for _ in range(128):
        places.leave("a")
    # Answers come together: that all places are free once does not mean that it is calm.
    assert entered(places, *["a"] * 9) == [True] * 8 + [False]
    clock.now += CALM_SECONDS
    assert entered(places, "a") == [False]
    clock.now += CALM_SECONDS + BURST_SECONDS
    assert entered(places, *["a"] * 121) == [True] * 120 + [False]


def test_beyond_the_bound_an_address_with_less_than_its_share_comes_first(clock: Clock) -> None:
    places = crowded(clock, *["a"] * 6, "b", "c")
    assert entered(places, "a", "b", "d") == [False, True, False]
    places.leave("b")
    assert entered(places, "a", "d", "e") == [False, True, False]


def test_refusals_are_counted_in_a_line_a_minute(clock: Clock) -> None:
    with capture_logs() as lines:
        places = crowded(clock, *["a"] * 5, "b", "b", "b")
        entered(places, "a", "a")
        for _ in range(60):
            clock.now += 1
            entered(places, "a")
    common = {"event": "overloaded", "log_level": "warning", "kind": "catalogs", "most": 8, "address": "a", "held": 5}
    assert lines == [{**common, "refused": 1}, {**common, "refused": 61}]


class Entered:
    """Requests that keep their places, behind a bound of one for each kind."""

    def __init__(self, trusted_proxies: int = 0) -> None:
        clock = Clock()
        self.overload = Overload(1, trusted_proxies, lambda _origin: {}, lambda *_request: None, clock)
        # The burst of each kind is over.
        bursts = [self.overload.enter(path, [], "192.0.2.1") for path in ONE_OF_EACH_KIND * 2]
        for leave in bursts:
            assert leave is not None
            leave()
        clock.now += BURST_SECONDS

    def enter(self, path: str, **headers: str) -> bool:
        """Return whether a request has a place."""
        named = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
        return self.overload.enter(path, named, "192.0.2.1") is not None


def test_each_kind_has_places_of_its_own_and_health_needs_none() -> None:
    one_of_each = [*ONE_OF_EACH_KIND, "/health", "/health/ready", "/health/live", "/health"]
    more = ["/api/events/launch/access", f"{QUIZ}/submit", "/api/events/event-1/lessons", "/api/quizzes"]
    requests = Entered()
    with capture_logs() as lines:
        assert [path for path in (*one_of_each, *more) if requests.enter(path)] == one_of_each
    assert [line["kind"] for line in lines] == ["catalogs", "quizzes", "admins-content", "admins-quizzes"]


@pytest.mark.parametrize(("trusted_proxies", "address"), [(0, "192.0.2.1"), (1, "2001:db8::/64")])
def test_an_address_is_that_of_the_client_before_the_proxies(trusted_proxies: int, address: str) -> None:
    requests = Entered(trusted_proxies)
    with capture_logs() as lines:
        entered_ = [requests.enter(CATALOG, x_forwarded_for="2001:db8::7") for _ in range(2)]
    assert (entered_, [line["address"] for line in lines]) == ([True, False], [address])


@pytest.mark.parametrize(
    ("origin", "readable"), [(ALLOWED_ORIGIN, READABLE), ("https://evil.example", {"vary": "Origin"})]
)
def test_a_refusal_is_protected_and_readable_from_a_listed_origin(origin: str, readable: dict[str, str]) -> None:
    app = create_app(read_settings({"SERVICE_TOKEN_SECRET": SECRET, "CORS_ORIGIN": ALLOWED_ORIGIN}))
    assert isinstance(app, BodyTimeoutApp)
    assert app.bound is not None
    head, _, body = app.bound.refusals.response("request-1", origin, closes=False).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): text for name, text in (line.split(": ", 1) for line in lines)}
    assert first == "HTTP/1.1 503 Service Unavailable"
    assert headers == {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "retry-after": "1",
        "x-request-id": "request-1",
        **PROTECTION,
        **readable,
    }
