"""`docker compose up`: once, again, and after `down`."""

import httpx

from tests.compose.stack import MIGRATIONS, ONE_SHOTS, SERVERS, ComposeTown, Stack
from tests.installation import SERVICES


def test_everything_is_healthy_and_what_runs_once_has_succeeded(stack: Stack) -> None:
    states = {service: stack.container(service).attrs["State"] for service in (*SERVERS, *ONE_SHOTS)}

    assert {name: states[name]["Health"]["Status"] for name in SERVERS} == dict.fromkeys(SERVERS, "healthy")
    assert {name: (states[name]["Status"], states[name]["ExitCode"]) for name in ONE_SHOTS} == dict.fromkeys(
        ONE_SHOTS, ("exited", 0)
    )


def test_the_first_up_migrates_and_seeds(compose_town: ComposeTown) -> None:
    said = compose_town.said_at_first

    assert said["secrets"] == ""
    for service in SERVICES:
        assert said[f"migrate-{service}"] == "".join(f"applied {name}\n" for name in MIGRATIONS[service])
    assert said["seed-auth"] == "added 1 admins\n"
    assert said["seed-content"].startswith("added ") and " events, " in said["seed-content"]
    assert said["seed-quiz"].startswith("added ") and " quizzes" in said["seed-quiz"]


def test_only_the_gateway_is_published(stack: Stack) -> None:
    published = {
        service: [port["HostPort"] for ports in stack.container(service).ports.values() for port in ports or ()]
        for service in SERVERS
    }

    assert {service: set(ports) for service, ports in published.items() if ports} == {"gateway": {str(stack.port)}}


def test_a_second_up_changes_nothing(compose_town: ComposeTown) -> None:
    stack = compose_town.stack
    ids, before = stack.ids(), compose_town.everything()
    started = {service: stack.container(service).attrs["State"]["StartedAt"] for service in SERVERS}

    stack.up()

    assert stack.ids() == ids
    assert {service: stack.container(service).attrs["State"]["StartedAt"] for service in SERVERS} == started
    assert {service: stack.container(service).attrs["State"]["ExitCode"] for service in ONE_SHOTS} == dict.fromkeys(
        ONE_SHOTS, 0
    )
    assert compose_town.everything() == before


def test_down_and_up_keep_the_data_and_the_secrets(compose_town: ComposeTown) -> None:
    stack = compose_town.stack
    with compose_town.admin() as admin:
        admin.post("/api/events", json={"title": "Kept", "slug": "kept"}).raise_for_status()
        token = admin.headers["Authorization"]
    before, secret = compose_town.everything(), stack.secret("shared/service_token_secret")

    stack.down()
    assert stack.ids() == {}
    stack.up()

    assert compose_town.everything() == before
    assert stack.secret("shared/service_token_secret") == secret
    # The signing key is data as well: a token from before still opens.
    assert httpx.get(f"{stack.address}/api/events", headers={"Authorization": token}).status_code == 200
