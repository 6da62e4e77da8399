"""deploy/compose.production.yml: everything is demanded at once, nothing is seeded, only the gateway is published."""

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.compose.certificates import write_certificate
from tests.compose.project import SERVERS, ComposeProject
from tests.installation import PROCESSES
from tests.waiting import until

FILE, TLS_FILE = "deploy/compose.production.yml", "deploy/compose.tls.yml"
ROLES = [f"{service}_{role}_PASSWORD" for service in ("CONTENT", "QUIZ", "AUTH") for role in ("OWNER", "RUNTIME")]
SECRETS = ("POSTGRES_PASSWORD", *ROLES, "SERVICE_TOKEN_SECRET", "SIGNING_KEY_SECRET", "ADMIN_PASSWORD")
PLAIN = {"ADMIN_USERNAME": "ada", "CORS_ORIGIN": "https://learn.example", "API_BIND": "127.0.0.1"}


@pytest.fixture(scope="module")
def values() -> dict[str, str]:
    """One set of secrets for the installation."""
    return {name: secrets.token_hex(20) for name in SECRETS}


@pytest.fixture(scope="module")
def variables(values: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of an installation whose secrets are in files."""
    folder = tmp_path_factory.mktemp("secrets")
    for name, value in values.items():
        (folder / name).write_text(f"{value}\n")
        (folder / name).chmod(0o600)
    return {**PLAIN, **{f"{name}_FILE": str(folder / name) for name in SECRETS}}


@pytest.fixture
def refuse_secrets(images: str) -> Iterator[Callable[..., list[str]]]:
    """Return the lines with which the container `secrets` refuses these variables."""
    made: list[ComposeProject] = []

    def refuse(*files: str, **variables: str) -> list[str]:
        made.append(ComposeProject(images, *files, **variables))
        refused = made[-1].run("secrets")
        assert (refused.returncode, refused.stdout) == (1, "")
        return refused.stderr.splitlines()

    try:
        yield refuse
    finally:
        for each in made:
            each.down("--volumes")


@pytest.fixture
def production(other_stack: Callable[..., ComposeProject], variables: dict[str, str]) -> Iterator[ComposeProject]:
    """The project, running on empty volumes."""
    project = other_stack(FILE, **variables)
    project.up()
    yield project


def test_production_starts_without_samples_and_its_first_admin_is_made_by_hand(
    production: ComposeProject, values: dict[str, str]
) -> None:
    services = {each.labels["com.docker.compose.service"] for each in production.containers()}
    assert services == {*SERVERS, "valkey", "secrets", "migrate-content", "migrate-quiz", "migrate-auth"}
    published = {
        each.labels["com.docker.compose.service"]: ports
        for each in production.containers()
        if (ports := {(port["HostIp"], port["HostPort"]) for bound in each.ports.values() for port in bound or ()})
    }
    assert published == {"gateway": {("127.0.0.1", str(production.port))}}

    sign_in = {"username": "ada", "password": values["ADMIN_PASSWORD"]}
    with httpx.Client(base_url=production.address, trust_env=False, timeout=60) as client:
        assert client.get("/health/ready").status_code == 200
        assert client.get("/api/public/events").json() == {"items": []}
        assert client.post("/api/admin/login", json=sign_in).status_code == 401
        made = production.run("auth", "seed")
        assert (made.returncode, made.stdout) == (0, "added admins: 1\n"), made.stderr
        token = client.post("/api/admin/login", json=sign_in).json()["accessToken"]
        admin = {"Authorization": f"Bearer {token}"}
        assert client.get("/api/events", headers=admin).json() == {"items": []}
        event = client.post("/api/events", headers=admin, json={"title": "First", "slug": "first"})
        assert event.status_code == 201
        from_elsewhere = client.post("/api/admin/login", json=sign_in, headers={"Origin": "https://evil.example"})
        assert from_elsewhere.status_code == 403

    no_url = {"SERVICE_TOKEN_SECRET_FILE": ""}
    for service, command, changed, complaint in (
        ("content", "serve", {**no_url, "SERVICE_TOKEN_SECRET": "short"}, "SERVICE_TOKEN_SECRET is too short"),
        ("gateway", "serve", {**no_url, "SERVICE_TOKEN_SECRET": "short"}, "SERVICE_TOKEN_SECRET is too short"),
        (
            "quiz",
            "serve",
            {**no_url, "SERVICE_TOKEN_SECRET": "local-only-service-secret-change-me"},
            "SERVICE_TOKEN_SECRET still has its default",
        ),
        (
            "auth",
            "serve",
            {"SIGNING_KEY_SECRET_FILE": "", "SIGNING_KEY_SECRET": "short"},
            "SIGNING_KEY_SECRET is too short",
        ),
        (
            "auth",
            "seed",
            {"ADMIN_PASSWORD_FILE": "", "ADMIN_PASSWORD": "admin123"},
            "ADMIN_PASSWORD still has its default",
        ),
        ("auth", "seed", {"ADMIN_PASSWORD_FILE": "", "ADMIN_PASSWORD": "short"}, "ADMIN_PASSWORD is too short"),
    ):
        refused = production.run(service, command, **changed)
        assert (refused.returncode, refused.stdout, len(refused.stderr.splitlines())) == (1, "", 1), refused.stderr
        assert refused.stderr.startswith(complaint)
    reset = production.run("content", "seed", "--reset", "--yes")
    assert (reset.returncode, reset.stderr) == (
        1,
        "seed --reset is refused in the managed profile: it would delete real rows\n",
    )


def test_a_development_stack_is_kept_off_the_volumes_of_production(
    other_stack: Callable[..., ComposeProject], variables: dict[str, str]
) -> None:
    project = other_stack(FILE, **variables)
    assert project.run("secrets").returncode == 0
    refused = project.with_files().run("secrets")
    assert (refused.returncode, refused.stdout, refused.stderr.splitlines()) == (
        1,
        "",
        [
            "the volumes of this project are production's: set COMPOSE_PROJECT_NAME to another name,"
            " or add deploy/compose.production.yml to COMPOSE_FILE"
        ],
    )
    assert project.run("secrets").returncode == 0


def test_gateways_share_the_count_of_requests_and_go_on_without_it(
    other_stack: Callable[..., ComposeProject], variables: dict[str, str]
) -> None:
    limit = {"RATE_LIMIT_ADDRESS_MAX": "20", "RATE_LIMIT_WINDOW_MS": "3600000"}
    # nginx, and a proxy of the operator's before it.
    edge = {"TRUSTED_PROXIES": "2", "STRICT_TRANSPORT_SECURITY": "max-age=300; includeSubDomains"}
    project = other_stack(FILE, "deploy/compose.replicas.yml", **{**variables, **limit, **edge})
    project.up()
    project.wait_until_healthy("valkey", "door")
    assert len(project.containers("gateway")) == 2

    learner, another = ({"X-Forwarded-For": f"203.0.113.9, 198.51.100.{number}"} for number in (1, 2))
    with httpx.Client(base_url=project.address, trust_env=False, timeout=30, headers=learner) as client:
        # Each request on its own connection: nginx takes the gateways in turn.
        statuses = [client.get("/api/public/events").status_code for _ in range(30)]
        assert statuses == [200] * 20 + [429] * 10
        assert int(client.get("/api/public/events").headers["Retry-After"]) in range(3500, 3601)
        answers = [client.get(path, headers=another) for path in ("/api/public/events", "/api/events", "/nowhere")]
        assert [each.status_code for each in answers] == [200, 401, 404]
        strict = [each.headers.get_list("Strict-Transport-Security") for each in (*answers, client.get("/health"))]
        assert strict == [["max-age=300; includeSubDomains"]] * 4

        project.compose("stop", "valkey")
        alone = [client.get("/api/public/events").status_code for _ in range(60)]
        assert sorted(alone) == [200] * 40 + [429] * 20
        # A container's log is written some time after the line.
        until(lambda: project.log("gateway").count("rate_limit_store_unavailable") == 2, "each gateway says so once")

        project.compose("start", "valkey")
        project.wait_until_healthy("valkey")
        until(lambda: client.get("/api/public/events").status_code == 200, "the gateways count in the store again")


def test_docker_inspect_shows_no_secret(production: ComposeProject, values: dict[str, str]) -> None:
    made = [
        production.secret(f"{folder}/{name}") for folder, name in (("valkey", "password"), ("gateway", "redis_url"))
    ]
    shown = {str(each.name): json.dumps(each.attrs) for each in production.containers()}
    shown["tools"] = production.compose("config", "--format=json")

    assert production.log("secrets") == ""
    assert {each.removeprefix(production.name) for each in shown} >= {"-secrets-1", "-auth-1", "-migrate-auth-1"}
    found = [(name, value) for name, text in shown.items() for value in [*values.values(), *made] if value in text]
    assert found == []
    assert production.secret("auth_keys/admin_password") == values["ADMIN_PASSWORD"]


def test_the_store_of_the_counts_has_no_more_rights_than_it_needs(production: ComposeProject) -> None:
    production.wait_until_healthy("valkey")
    container = production.container("valkey")
    host = container.attrs["HostConfig"]

    assert (host["ReadonlyRootfs"], host["CapDrop"], host["CapAdd"]) == (True, ["ALL"], None)
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert list(container.attrs["NetworkSettings"]["Networks"]) == [f"{production.name}_back"]
    assert "NOAUTH" in production.execute("valkey", "valkey-cli", "dbsize").stdout
    readable = {
        each: production.execute(each, "cat", "/run/flix/gateway/redis_url").returncode == 0
        for each in (*PROCESSES, "valkey")
    }
    assert [each for each, reads in readable.items() if reads] == ["gateway"]
    assert production.execute("valkey", "cat", "/run/flix/shared/service_token_secret").returncode != 0


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("short", "POSTGRES_PASSWORD is too short: at least 16 characters are needed\n"),
        (
            "a password@with/what:a URL",
            "POSTGRES_PASSWORD must have letters, digits and ._~- only: it becomes part of a URL\n",
        ),
    ],
)
def test_a_password_that_cannot_be_used_stops_the_first_start(
    images: str, variables: dict[str, str], value: str, complaint: str
) -> None:
    by_value = {**variables, "POSTGRES_PASSWORD_FILE": "", "POSTGRES_PASSWORD": value}
    project = ComposeProject(images, FILE, **by_value)
    try:
        refused = project.run("secrets")
        up = project.try_compose("up", "--detach", "--no-build")
        running = [each.name for each in project.containers() if each.status == "running"]
    finally:
        project.down("--volumes")

    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", complaint)
    assert up.returncode != 0
    assert running == []


def test_everything_that_is_missing_is_named_at_once(refuse_secrets: Callable[..., list[str]]) -> None:
    assert refuse_secrets(FILE, TLS_FILE, API_PORT="") == [
        "TLS_CERTIFICATE is missing: the path of the certificate and those that signed it",
        "TLS_KEY is missing: the path of the certificate's key",
        "API_BIND is missing: the address of this machine at which the API is published, 127.0.0.1 for a proxy on this "
        f"machine; at any other clients reach it past the firewall, and without TLS unless {TLS_FILE} is used",
        "CORS_ORIGIN is missing: the sites whose pages may call the API, separated by commas",
        "ADMIN_USERNAME is missing: the first admin's name",
        *(f"{name} is missing: set {name}_FILE, or {name}" for name in SECRETS),
    ]


def test_a_file_that_holds_no_secret_is_one_line(
    refuse_secrets: Callable[..., list[str]], variables: dict[str, str], tmp_path: Path
) -> None:
    empty, folder, public = tmp_path / "empty", tmp_path / "folder", tmp_path / "public"
    empty.write_text(" \n")
    folder.mkdir()
    public.write_text("local-only-service-secret-change-me")
    bad = {
        "ADMIN_PASSWORD_FILE": str(empty),
        "POSTGRES_PASSWORD_FILE": str(folder),
        "SERVICE_TOKEN_SECRET_FILE": str(public),
        "SIGNING_KEY_SECRET": "x" * 40,
        "DATABASE_PROFILE": "local",
        "TLS_CERTIFICATE": str(public),
        "TLS_KEY": str(folder),
        "TRUSTED_PROXIES": "0",
    }
    assert refuse_secrets(FILE, TLS_FILE, **{**variables, **bad}) == [
        f"TLS_CERTIFICATE: {public} holds no CERTIFICATE in the form PEM",
        f"TLS_KEY: {folder} cannot be read (Is a directory)",
        "TRUSTED_PROXIES must count nginx of deploy/compose.tls.yml too: 1, or 2 behind a proxy of yours",
        f"API_PORT is not read in containers: set HTTPS_PORT and HTTP_PORT, at which nginx of {TLS_FILE} is published",
        "DATABASE_PROFILE is local, and deploy/compose.production.yml is managed: remove it",
        f"POSTGRES_PASSWORD_FILE: {folder} cannot be read (Is a directory)",
        "SERVICE_TOKEN_SECRET still has its default",
        "SIGNING_KEY_SECRET and SIGNING_KEY_SECRET_FILE are both set: remove one",
        f"ADMIN_PASSWORD_FILE: {empty} is empty",
    ]
    # A secret by value is taken, as before, with a warning; so is one in a file with the line ends of Windows.
    public.write_bytes(b"x" * 40 + b"\r\n")
    by_value = {**variables, "SIGNING_KEY_SECRET_FILE": "", "SIGNING_KEY_SECRET": "x" * 40}
    by_value |= {"SERVICE_TOKEN_SECRET_FILE": str(public)}
    project = ComposeProject("flix", FILE, **by_value)
    taken = project.run("secrets")
    project.down("--volumes")
    warning = "docker inspect shows these; name files instead (NAME_FILE): SIGNING_KEY_SECRET\n"
    assert (taken.returncode, taken.stdout, taken.stderr) == (0, "", warning)
    # The engine itself names a file that does not exist.
    absent = str(tmp_path / "absent")
    project = ComposeProject("flix", FILE, **{**variables, "ADMIN_PASSWORD_FILE": absent})
    refused = project.run("secrets")
    project.down("--volumes")
    assert f"bind source path does not exist: {absent}" in refused.stderr


def test_what_a_service_would_refuse_is_named_before_anything_stops(
    refuse_secrets: Callable[..., list[str]], variables: dict[str, str], tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("one", "other", "ended")]
    for folder in folders:
        folder.mkdir()
    one, other = (write_certificate(folder) for folder in folders[:2])
    bad = {
        "TLS_CERTIFICATE": one["TLS_CERTIFICATE"],
        "TLS_KEY": other["TLS_KEY"],
        "ADMIN_USERNAME": " ",
        "SERVICE_TOKEN_SECRET_FILE": "",
        "SERVICE_TOKEN_SECRET": "x" * 31,
        "SIGNING_KEY_SECRET_FILE": "",
        "SIGNING_KEY_SECRET": "x" * 31,
        "ADMIN_PASSWORD_FILE": "",
    }
    lines = [
        f"TLS_KEY: {other['TLS_KEY']} does not belong to the first certificate of {one['TLS_CERTIFICATE']}",
        "ADMIN_USERNAME is missing: the first admin's name",
        "SERVICE_TOKEN_SECRET is too short: at least 32 characters are needed",
        "SIGNING_KEY_SECRET is too short: at least 32 characters are needed",
    ]
    for password, complaint in (
        ("admin123", "ADMIN_PASSWORD still has its default"),
        ("x" * 11, "ADMIN_PASSWORD is too short: at least 12 characters are needed"),
    ):
        given = {**variables, **bad, "ADMIN_PASSWORD": password}
        assert refuse_secrets(FILE, TLS_FILE, API_PORT="", **given) == [*lines, complaint]

    ended = write_certificate(folders[2], ended_days=1)
    project = ComposeProject("flix", FILE, TLS_FILE, API_PORT="", **variables, **ended)
    warned = project.run("secrets")
    project.down("--volumes")
    assert (warned.returncode, warned.stdout) == (0, "")
    assert warned.stderr.startswith(f"TLS_CERTIFICATE: {ended['TLS_CERTIFICATE']} ends on ")
