"""docker-compose.yml passes on the variables of .env.example; tests/compose/test_variables.py asks Compose itself."""

import re
import tomllib

import yaml

from deploy.stack import ROOT
from services.kit.core.version import VERSION

FILES = ("docker-compose.yml", *(str(file.relative_to(ROOT)) for file in ROOT.glob("deploy/**/compose*.yml")))

# Empty, so that the gateway, or the container `secrets`, takes its own default.
DEFAULTS_ELSEWHERE = re.compile(
    r"(?!BRANDING_).*_(URL|HOST)|(AUTH|CONTENT|QUIZ)_PORT|CORS_ORIGIN|ADMIN_PASSWORD|SERVICE_TOKEN_SECRET|SIGNING_KEY_SECRET"
)


def test_compose_passes_every_variable_on_with_the_same_default() -> None:
    documented = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    documented = {name: "" if DEFAULTS_ELSEWHERE.fullmatch(name) else text for name, text in documented.items()}
    documented["API_HOST"] = ""

    compose = (ROOT / "docker-compose.yml").read_text()
    passed = dict(re.findall(r"(?:\w+|published|host_ip): \"?\$\{(\w+):-(.*?)\}", compose))
    files = {name: text for name, text in passed.items() if name.endswith("_FILE")}
    others = {"SEED", "FLIX_IMAGES", "COMPOSE_PROJECT_NAME", "FLIX_REVISION", "FLIX_CREATED"}
    assert {name: text for name, text in passed.items() if name not in {*files, *others}} == documented
    assert set(files.values()) <= {"", "/dev/null"}


def test_the_door_is_published_on_this_machine_unless_told_otherwise() -> None:
    ports = {
        name: [
            block["ports"] for block in yaml.safe_load(_without_tags(name))["services"].values() if block.get("ports")
        ]
        for name in FILES
    }
    door = [{"target": 3001, "published": "${API_PORT:-3001}", "host_ip": "${API_BIND:-127.0.0.1}"}]
    assert ports == {
        "docker-compose.yml": [door],
        "deploy/compose.replicas.yml": [door],
        "deploy/compose.production.yml": [],
        "deploy/compose.branding.yml": [],
        "deploy/compose.tls.yml": [
            [
                {"target": 3443, "published": "${HTTPS_PORT:-443}", "host_ip": "${API_BIND:-127.0.0.1}"},
                {"target": 3080, "published": "${HTTP_PORT:-80}", "host_ip": "${API_BIND:-127.0.0.1}"},
            ]
        ],
        # Whatever API_BIND says.
        "deploy/observability/compose.yml": [
            [{"target": 9090, "published": "${PROMETHEUS_PORT:-9090}", "host_ip": "127.0.0.1"}],
            [{"target": 3000, "published": "${GRAFANA_PORT:-3030}", "host_ip": "127.0.0.1"}],
        ],
    }


def test_the_logs_of_every_container_are_bounded() -> None:
    services = [
        (file, name, block)
        for file in FILES
        for name, block in yaml.safe_load(_without_tags(file))["services"].items()
        # The others only add to a service of docker-compose.yml.
        if "image" in block
    ]
    bound = {"driver": "json-file", "options": {"max-size": "${LOG_MEGABYTES:-20}m", "max-file": "${LOG_FILES:-5}"}}

    assert [f"{file}: {name}" for file, name, block in services if block.get("logging") != bound] == []
    assert {name for _, name, _ in services} >= {
        "secrets",
        "postgres",
        "gateway",
        "backups",
        "valkey",
        "door",
        "prometheus",
        "grafana",
    }


def test_one_version_is_in_the_project_the_code_and_the_labels() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    labels = re.findall(r"\bVERSION=(\S+)", (ROOT / "deploy/Dockerfile").read_text())

    assert (VERSION, labels) == (project, [project])


def test_every_image_is_built_with_its_revision_and_time() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    arguments = {name: block["build"].get("args", {}) for name, block in services.items() if "build" in block}

    assert {name for name, given in arguments.items() if {"REVISION", "CREATED"} <= set(given)} == set(arguments)
    assert {"content", "quiz", "auth", "gateway", "tools"} <= set(arguments)


def _without_tags(name: str) -> str:
    return re.sub("!reset|!override", "", (ROOT / name).read_text())


def test_only_content_leaves_the_machine_and_only_with_the_file_for_it() -> None:
    networks = {
        name: {
            service
            for service, block in yaml.safe_load((ROOT / name).read_text())["services"].items()
            if "egress" in block.get("networks", ())
        }
        for name in ("docker-compose.yml", "deploy/compose.branding.yml")
    }
    assert networks == {"docker-compose.yml": set(), "deploy/compose.branding.yml": {"content"}}


def test_no_health_check_asks_a_proxy_for_its_own_container() -> None:
    checked = {
        (name, service): (block.get("environment", {}).get("no_proxy"), str(block["healthcheck"]["test"]))
        for name in FILES
        for service, block in yaml.safe_load(_without_tags(name))["services"].items()
        if re.search("urlopen|curl|wget", str(block.get("healthcheck", {}).get("test", "")))
    }
    assert {service for _, service in checked} == {"content", "quiz", "auth", "gateway", "door", "grafana"}
    assert [key for key, (no_proxy, test) in checked.items() if no_proxy != "*" and "--noproxy" not in test] == []
