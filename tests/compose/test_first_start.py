"""`docker compose up`: once, again, and after `down`."""

from tests.compose.project import MIGRATIONS, ONE_SHOTS, SERVERS, ComposeProject, ComposeStack
from tests.installation import SERVICES


def test_everything_is_healthy_and_what_runs_once_has_succeeded(project: ComposeProject) -> None:
    states = {service: project.container(service).attrs["State"] for service in (*SERVERS, *ONE_SHOTS)}

    assert {name: states[name]["Health"]["Status"] for name in SERVERS} == dict.fromkeys(SERVERS, "healthy")
    assert {name: (states[name]["Status"], states[name]["ExitCode"]) for name in ONE_SHOTS} == dict.fromkeys(
        ONE_SHOTS, ("exited", 0)
    )


def test_the_first_up_migrates_and_seeds(compose_stack: ComposeStack) -> None:
    logs = compose_stack.said_at_first

    assert logs["secrets"] == ""
    for service in SERVICES:
        assert logs[f"migrate-{service}"] == "".join(f"applied {name}\n" for name in MIGRATIONS[service])
    assert logs["seed-auth"] == "added admins: 1\n"
    assert logs["seed-content"].startswith("added events: ") and ", lessons: " in logs["seed-content"]
    assert logs["seed-quiz"].startswith("added quizzes: ")


def test_only_the_gateway_is_published(project: ComposeProject) -> None:
    published = {
        service: [
            (port["HostIp"], port["HostPort"])
            for ports in project.container(service).ports.values()
            for port in ports or ()
        ]
        for service in SERVERS
    }

    # Without API_BIND on this machine only.
    assert {service: ports for service, ports in published.items() if ports} == {
        "gateway": [("127.0.0.1", str(project.port))]
    }


def test_a_second_up_changes_nothing(compose_stack: ComposeStack) -> None:
    project = compose_stack.project
    ids, before = project.ids(), compose_stack.everything()
    started = {service: project.container(service).attrs["State"]["StartedAt"] for service in SERVERS}

    project.up()

    assert project.ids() == ids
    assert {service: project.container(service).attrs["State"]["StartedAt"] for service in SERVERS} == started
    assert {service: project.container(service).attrs["State"]["ExitCode"] for service in ONE_SHOTS} == dict.fromkeys(
        ONE_SHOTS, 0
    )
    assert compose_stack.everything() == before


def test_down_and_up_keep_the_data_and_the_secrets(compose_stack: ComposeStack) -> None:
    project = compose_stack.project
    with compose_stack.admin() as admin:
        admin.post("/api/events", json={"title": "Kept", "slug": "kept"}).raise_for_status()
        token = admin.headers["Authorization"]
    before, secret = compose_stack.everything(), project.secret("shared/service_token_secret")

    project.down()
    assert project.ids() == {}
    project.up()

    assert compose_stack.everything() == before
    assert project.secret("shared/service_token_secret") == secret
    # The signing key is stored too: an earlier token is still valid.
    with compose_stack.client(Authorization=token) as client:
        assert client.get("/api/events").status_code == 200
