"""docker-compose.yml passes on the variables of .env.example; tests/compose/test_variables.py asks Compose itself."""

import re

import yaml

from deploy.stack import ROOT

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
    others = {"SEED", "FLIX_IMAGES", "COMPOSE_PROJECT_NAME"}
    assert {name: text for name, text in passed.items() if name not in {*files, *others}} == documented
    assert set(files.values()) <= {"", "/dev/null"}


def test_the_door_is_published_on_this_machine_unless_told_otherwise() -> None:
    ports = {
        name: [
            block["ports"] for block in yaml.safe_load(_without_tags(name))["services"].values() if block.get("ports")
        ]
        for name in ("docker-compose.yml", "deploy/compose.replicas.yml", "deploy/compose.production.yml")
    }
    door = [{"target": 3001, "published": "${API_PORT:-3001}", "host_ip": "${API_BIND:-127.0.0.1}"}]
    assert ports == {
        "docker-compose.yml": [door],
        "deploy/compose.replicas.yml": [door],
        "deploy/compose.production.yml": [],
    }
    assert "${API_BIND:?" in (ROOT / "deploy" / "compose.production.yml").read_text()


def _without_tags(name: str) -> str:
    return (ROOT / name).read_text().replace("!reset", "")


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
