"""docker-compose.yml passes on the variables of .env.example; tests/compose/test_variables.py asks Compose itself."""

import re
import tomllib

import yaml

from deploy.stack import ROOT
from services.kit.core.version import VERSION

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


def test_one_version_is_in_the_project_the_code_and_the_labels() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    labels = re.findall(r"\bVERSION=(\S+)", (ROOT / "deploy/Dockerfile").read_text())

    assert (VERSION, labels) == (project, [project])


def test_every_image_is_built_with_its_revision_and_time() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    arguments = {name: block["build"].get("args", {}) for name, block in services.items() if "build" in block}

    assert {name for name, given in arguments.items() if {"REVISION", "CREATED"} <= set(given)} == set(arguments)
    assert {"content", "quiz", "auth", "gateway", "tools"} <= set(arguments)


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
    files = [ROOT / "docker-compose.yml", *ROOT.glob("deploy/**/compose*.yml")]
    # Tags of Compose, as !override, are none of YAML's.
    documents = {file.name: yaml.safe_load(re.sub(r"!(reset|override)", "", file.read_text())) for file in files}
    checked = {
        (name, service): (block.get("environment", {}).get("no_proxy"), str(block["healthcheck"]["test"]))
        for name, document in documents.items()
        for service, block in document["services"].items()
        if re.search("urlopen|curl|wget", str(block.get("healthcheck", {}).get("test", "")))
    }
    assert {service for _, service in checked} == {"content", "quiz", "auth", "gateway", "door", "grafana"}
    assert [key for key, (no_proxy, test) in checked.items() if no_proxy != "*" and "--noproxy" not in test] == []
