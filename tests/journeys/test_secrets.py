"""No secret appears where it does not belong: a launch full of canaries, and a search in every place."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy import stack as processes
from tests.installation import ENGINES, Installation, installation
from tests.journeys.canaries import Cage, Sighting, escaped, in_databases, sightings_in
from tests.journeys.canary_launch import CanaryLaunch, connect_as, own_role, refuse_a_title, run_commands

LEVELS = ("debug", "info")


@dataclass(frozen=True)
class Staged:
    """A stack, and its requests and responses."""

    stack: Installation
    cage: Cage


@pytest.fixture(scope="module", params=ENGINES)
def staged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    """A launch with all mistakes, once at the log level debug and once at info."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgresql_server")
    cage = Cage()
    variables = {
        "ADMIN_PASSWORD": cage.new("admin's password"),
        "SERVICE_TOKEN_SECRET": cage.new("secret between services"),
        "SIGNING_KEY_SECRET": cage.new("secret of the signing keys"),
    }
    folder = tmp_path_factory.mktemp(request.param)
    with own_role(server, cage) as role, installation(folder, server, **variables) as stack:
        connect_as(role, stack)
        stack.prepare()
        refuse_a_title(stack)
        for level in LEVELS:
            stack.environment["LOG_LEVEL"] = level
            stack.start()
            CanaryLaunch(stack, cage).run()
            stack.stop()
        run_commands(stack, cage)
        yield Staged(stack, cage)


@pytest.mark.full
def test_no_secret_appears_where_it_does_not_belong(staged: Staged) -> None:
    assert "\n".join(f"{each.canary}: {each.place}" for each in sorted(escaped(staged.cage, staged.stack))) == ""


@pytest.mark.full
def test_every_canary_was_sent_and_found_where_it_belongs(staged: Staged) -> None:
    sent = "\n".join(staged.cage.sent)
    # No client sends the secrets of the environment and those that Flix creates.
    made = (
        "secret ",
        "database password",
        "signing key",
        "access token",
        "signature",
        "refreshed ",
        "initial password",
    )
    unsent = [each.name for each in staged.cage.canaries.values() if not each.is_in(sent)]
    assert [name for name in unsent if not name.startswith(made)] == []
    kept = set(in_databases(staged.cage, staged.stack))
    canaries, responses = staged.cage.canaries.values(), staged.cage.responses
    returned = {canary.name for canary in canaries for _, text in responses if canary.is_in(text)}
    for canary in staged.cage.canaries.values():
        assert not canary.kept_in or any(Sighting(canary.name, place) in kept for place in canary.kept_in)
        assert canary.returned_by == "none" or canary.name in returned, canary.name


@pytest.mark.full
def test_every_process_has_logged_at_each_level(staged: Staged) -> None:
    for name in processes.PROCESSES:
        lines = staged.stack.log_lines(name)
        assert '"level":"info"' in lines
    assert '"event":"request_failed"' in staged.stack.log_lines("content")
    assert '"level":"debug"' in staged.stack.log_lines("content")


@pytest.mark.parametrize("shift", ["", "a", "ab", "abc"])
def test_a_canary_is_found_in_clear_text_and_in_base64(shift: str, tmp_path: Path) -> None:
    cage = Cage()
    secret = cage.new("secret")
    file = tmp_path / "a log"
    encoded = [encode(f"{shift}{secret}!".encode()).decode() for encode in (base64.b64encode, base64.urlsafe_b64encode)]
    for text in (f"as it is: {secret}!", *encoded):
        file.write_text(text)
        assert sightings_in(cage, file) == [Sighting("secret", "a log")]
    file.write_text(f"{secret[:-1]} and {encoded[0][:10]}")
    assert sightings_in(cage, file) == []
    file.write_text("Bearer eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJmbGl4In0.c2lnbmF0dXJl")
    assert sightings_in(cage, file) == [Sighting("any token", "a log")]
