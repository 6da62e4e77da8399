"""docker-compose.yml and deploy/compose.branding.yml pass on the variables of .env.example."""

import re

import yaml

from deploy.stack import ROOT

# Containers have their own addresses, databases, secrets and first admin.
SET_BY_COMPOSE = re.compile(
    r"DATABASE_PROFILE|(?!BRANDING_).*_(URL|PORT|HOST)|API_.*|ADMIN_(USERNAME|PASSWORD)|SERVICE_TOKEN_SECRET|SIGNING_KEY_SECRET"
)


def test_compose_passes_every_variable_on_with_the_same_default() -> None:
    documented = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    documented = {name: text for name, text in documented.items() if not SET_BY_COMPOSE.fullmatch(name)}
    # Unset, the gateway has its own list of origins.
    documented["CORS_ORIGIN"] = ""

    files = ("docker-compose.yml", "deploy/compose.branding.yml")
    compose = "\n".join((ROOT / name).read_text() for name in files)

    passed = {name: text for key, name, text in re.findall(r"(\w+): \"?\$\{(\w+):-(.*?)\}", compose) if key == name}
    assert passed == documented


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
    # Without a key Compose refuses to start with that file.
    assert "${BRANDING_OPENAI_API_KEY:?" in (ROOT / "deploy" / "compose.branding.yml").read_text()
