"""Every name of .env.example reaches the containers that use it, or is refused by name."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack import ROOT
from tests.compose.project import PORTS, ComposeProject
from tests.installation import SERVICES

BRANDING, PRODUCTION, REPLICAS, TLS = (
    f"deploy/compose.{name}.yml" for name in ("branding", "production", "replicas", "tls")
)
OBSERVABILITY = "deploy/observability/compose.yml"
COMBINATIONS = [
    (),
    (BRANDING,),
    (REPLICAS,),
    (PRODUCTION,),
    (PRODUCTION, REPLICAS),
    (PRODUCTION, TLS),
    (PRODUCTION, REPLICAS, BRANDING, TLS, OBSERVABILITY),
]
DOCUMENTED = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
KEYS = ("BRANDING_GEMINI_API_KEY", "BRANDING_OPENAI_API_KEY")
AUTH = {"auth", "migrate-auth", "seed-auth", "backups", "restore", "tools"}
ALL = {*(f"{each}{name}" for name in SERVICES for each in ("", "migrate-", "seed-")), *AUTH, "follow-quiz", "gateway"}
GATEWAY = (
    *("CORS_ORIGIN", "RATE_LIMIT_MAX", "RATE_LIMIT_ADDRESS_MAX", "RATE_LIMIT_WINDOW_MS", "GATEWAY_TIMEOUT_SECONDS"),
    "GATEWAY_REQUESTS_IN_FLIGHT",
    *("ACCESS_KEY_GUESSES_MAX", "ACCESS_KEY_GUESSES_OF_EVENT_MAX", "ACCESS_KEY_GUESSES_WINDOW_MS"),
    *("TRUSTED_PROXIES", "STRICT_TRANSPORT_SECURITY", "CACHE_MEGABYTES", "CACHE_SERVE_STALE_SECONDS"),
    "ACCESS_LOG_PERCENT",
)
CONTENT = (
    "PLAYER_ALLOWED_DOMAINS",
    *(f"BRANDING_{name}_{of}" for name in ("GEMINI", "OPENAI") for of in ("MODEL", "URL")),
)
# Secrets pass through the volume of the container of that name.
STORED = ("ADMIN_PASSWORD", "SERVICE_TOKEN_SECRET", "SIGNING_KEY_SECRET", "REDIS_URL")
REASONS = {
    **{f"{name.upper()}_DATABASE_URL": "they use the container postgres; remove it" for name in SERVICES},
    **{f"{name.upper()}_PORT": f"{name} listens at {{}} there; remove it" for name in SERVICES},
    **{f"{name.upper()}_URL": f"{name} is at http://{name}:{{}} there; remove it" for name in SERVICES},
    "RESTORE_SCRATCH_URL": "restore uses the container postgres; remove it",
    "METRICS_HOST": "containers show metrics on their own network, at port 9100; remove it",
    "METRICS_PORT": "containers show metrics on their own network, at port 9100; remove it",
    "SERVICE_HOST": "services listen on a network of their own; remove it",
    "API_HOST": "set API_BIND, the address of this machine at which the gateway is published",
    **dict.fromkeys(KEYS, "add deploy/compose.branding.yml to COMPOSE_FILE"),
}


def receivers(files: tuple[str, ...]) -> dict[str, set[str]]:
    """Return the services that get each documented name with these files, other than by its default."""
    receivers: dict[str, set[str]] = {}
    for name in DOCUMENTED:
        receivers[name] = set()
        mark = {"API_PORT": "4321", "API_BIND": "10.9.8.7", "BACKUP_FOLDER": "/marked"}.get(name, "marked")
        project = ComposeProject("flix", *files, **{name: mark})
        rendered = json.loads(project.compose("--profile=*", "config", "--format=json"))
        for service, block in rendered["services"].items():
            texts = [*block.get("environment", {}).values()]
            texts += [block.get("user"), *(mount["source"] for mount in block.get("volumes", ()))]
            texts += [text.removesuffix("m") for text in block["logging"]["options"].values()]
            texts += [text for port in block.get("ports", ()) for text in (port["host_ip"], port["published"])]
            if mark in texts:
                receivers[name].add(service)
    return receivers


@pytest.mark.parametrize("files", COMBINATIONS, ids=lambda files: " ".join(files) or "docker-compose.yml")
def test_every_documented_name_reaches_who_reads_it(files: tuple[str, ...]) -> None:
    production, door = PRODUCTION in files, "door" if {REPLICAS, TLS} & {*files} else "gateway"
    # In production the seeds are in a profile, and their variables are those of the files before.
    expected = dict.fromkeys(DOCUMENTED, ALL)
    for names, service in ((GATEWAY, "gateway"), (CONTENT, "content"), ((*STORED, *REASONS), "secrets")):
        expected |= {name: {service} for name in names}
    expected |= {"API_PORT": {door}, "API_BIND": {door}, "ADMIN_USERNAME": AUTH}
    expected |= {"JWT_ACCESS_TTL": {"auth"}, "LEARNER_GRANT_TTL": {"auth"}}
    expected |= {f"BACKUP_{name}": {"backups"} for name in ("EVERY_HOURS", "KEEP", "FOLDER", "USER")}
    everything = {*ALL, "backups", "secrets", "postgres", door, *(["valkey"] if production else [])}
    if OBSERVABILITY in files:
        everything |= {"prometheus", "grafana"}
    expected |= dict.fromkeys(("LOG_MEGABYTES", "LOG_FILES"), everything)
    if {REPLICAS, TLS} & {*files}:
        expected["TRUSTED_PROXIES"] = {"gateway", "secrets"}
    if TLS in files:
        # HTTPS_PORT and HTTP_PORT are in its place; the container `secrets` refuses it.
        expected["API_PORT"] = {"secrets"}
    if production:
        # The seeds never run there.
        expected["DATABASE_PROFILE"] = {"secrets", *(f"seed-{name}" for name in SERVICES)}
        for name in ("API_BIND", "CORS_ORIGIN", "ADMIN_USERNAME"):
            expected[name] |= {"secrets"}

    assert receivers(files) == expected


@pytest.mark.parametrize("files", COMBINATIONS, ids=lambda files: " ".join(files) or "docker-compose.yml")
def test_only_the_door_is_published_and_on_this_machine_alone(files: tuple[str, ...]) -> None:
    rendered = json.loads(ComposeProject("flix", *files).compose("config", "--format=json"))

    published = {name: block["ports"] for name, block in rendered["services"].items() if block.get("ports")}
    watching = {name: ["127.0.0.1"] for name in ("prometheus", "grafana") if OBSERVABILITY in files}
    assert {name: [each["host_ip"] for each in ports] for name, ports in published.items()} == {
        "door" if {REPLICAS, TLS} & {*files} else "gateway": ["127.0.0.1"] * (2 if TLS in files else 1),
        **watching,
    }


@pytest.fixture
def project(images: str) -> Iterator[ComposeProject]:
    """A project of which nothing runs but `secrets`."""
    project = ComposeProject(images)
    try:
        yield project
    finally:
        project.down("--volumes")


def test_each_variable_that_containers_do_not_read_is_refused_by_name(project: ComposeProject) -> None:
    project.environment |= dict.fromkeys(REASONS, "marked")
    refused = project.run("secrets")

    expected = {
        f"{name} is not read in containers: {reason.format(PORTS.get(name.split('_')[0].lower()))}"
        for name, reason in REASONS.items()
    }
    assert (refused.returncode, refused.stdout) == (1, "")
    assert sorted(refused.stderr.splitlines()) == sorted(expected)


def stored(project: ComposeProject, *files: str) -> list[str]:
    """Write the secrets anew and return those files of the volume."""
    written = project.run("secrets")
    assert (written.returncode, written.stdout, written.stderr) == (0, "", "")
    options = ["run", "--rm", "--no-deps", "-T", "--entrypoint", "cat", "secrets"]
    return [project.compose(*options, f"/run/flix/{file}") for file in files]


def test_a_copy_of_the_example_changes_nothing(project: ComposeProject) -> None:
    secrets = ("shared/service_token_secret", "auth_keys/signing_key_secret", "auth_keys/admin_password")
    files = (*secrets, "gateway/redis_url", "content_runtime/database_url")
    before = stored(project, *files)
    assert (before[2], len({*before})) == ("admin123", len(files))

    project.environment |= DOCUMENTED
    assert stored(project, *files) == before


def test_given_secrets_reach_the_file_of_who_reads_them(project: ComposeProject, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("key-of-gemini\n")
    project = project.with_files(BRANDING)
    project.environment |= {
        "ADMIN_PASSWORD": "a #pass$$word 'of' ä",
        "REDIS_URL": "redis://:pass@word.example/0",
        "SERVICE_TOKEN_SECRET": "s" * 40,
        "SIGNING_KEY_SECRET": "k" * 40,
        "BRANDING_GEMINI_API_KEY_FILE": str(key),
    }
    files = {
        "auth_keys/admin_password": "a #pass$$word 'of' ä",
        "gateway/redis_url": "redis://:pass@word.example/0",
        "shared/service_token_secret": "s" * 40,
        "auth_keys/signing_key_secret": "k" * 40,
        "branding/gemini_api_key": "key-of-gemini",
        "branding/openai_api_key": "",
    }
    assert dict(zip(files, stored(project, *files), strict=True)) == files
    services = json.loads(project.compose("config", "--format=json"))["services"]
    named = {
        name: services[service]["environment"][name]
        for service, name in (
            ("auth", "ADMIN_PASSWORD_FILE"),
            ("gateway", "REDIS_URL_FILE"),
            ("gateway", "SERVICE_TOKEN_SECRET_FILE"),
            ("auth", "SIGNING_KEY_SECRET_FILE"),
            ("content", "BRANDING_GEMINI_API_KEY_FILE"),
            ("content", "BRANDING_OPENAI_API_KEY_FILE"),
        )
    }
    assert [text.removeprefix("/run/flix/") for text in named.values()] == [*list(files)[:-1], ""]


def test_a_provider_and_a_proxy_are_demanded_where_a_file_needs_them(project: ComposeProject) -> None:
    project = project.with_files(BRANDING, REPLICAS)
    project.environment["TRUSTED_PROXIES"] = "0"
    refused = project.run("secrets")

    assert (refused.returncode, refused.stderr.splitlines()) == (
        1,
        [
            f"{' or '.join(KEYS)} is missing: deploy/compose.branding.yml needs the key of a provider",
            "TRUSTED_PROXIES must count nginx of deploy/compose.replicas.yml too: 1, or 2 behind a proxy of yours",
        ],
    )


def test_the_end_of_a_project_leaves_no_network_of_an_added_file(project: ComposeProject) -> None:
    project.with_files(BRANDING).run("secrets")
    project.down("--volumes")

    label = {"label": f"com.docker.compose.project={project.name}"}
    assert project.engine.networks.list(filters=label) == []
    assert project.engine.volumes.list(filters=label) == []
