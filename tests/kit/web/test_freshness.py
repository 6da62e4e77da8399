"""services.kit.web.freshness: at which versions a response holds."""

import pytest

from services.kit.web.freshness import Freshness, Version, freshness_header, read_freshness

MADE = Version("state-1", 1_000)


@pytest.mark.parametrize(
    ("since", "until", "state", "at", "holds"),
    [
        (None, None, "state-1", 5_000, True),
        (None, None, "state-2", 1_000, False),
        (900, 1_100, "state-1", 1_099, True),
        (900, 1_100, "state-1", 1_100, False),
        # The clock was set back, or another replica's is behind.
        (900, 1_100, "state-1", 900, True),
        (900, 1_100, "state-1", 899, False),
        (None, 1_100, "state-1", 0, True),
        (900, None, "state-1", 10**15, True),
    ],
)
def test_a_response_holds_in_its_state_between_its_times(
    since: int | None, until: int | None, state: str, at: int, holds: bool
) -> None:
    assert Freshness(MADE, since, until).holds(Version(state, at)) is holds


@pytest.mark.parametrize("freshness", [Freshness(Version("é \r\n", 1)), Freshness(MADE, -5, 2**53)])
def test_a_header_holds_any_state_and_is_read_again(freshness: Freshness) -> None:
    header = freshness_header(freshness)
    assert (header.isascii(), header.isprintable()) == (True, True)
    assert read_freshness(header) == freshness
    assert read_freshness(header.replace("{", '{"later": 1, ', 1)) == freshness
    assert read_freshness(None) is None
