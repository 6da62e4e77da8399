"""docker-compose.yml passes on the variables of .env.example."""

import re

from deploy.stack import ROOT

# Containers have their own addresses, databases, secrets and first admin.
SET_BY_COMPOSE = re.compile(
    r"DATABASE_PROFILE|.*_(URL|PORT|HOST)|API_.*|ADMIN_(USERNAME|PASSWORD)|SERVICE_TOKEN_SECRET|SIGNING_KEY_SECRET"
)


def test_compose_passes_every_variable_on_with_the_same_default() -> None:
    documented = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    documented = {name: text for name, text in documented.items() if not SET_BY_COMPOSE.fullmatch(name)}
    # Unset, the gateway has its own list of origins.
    documented["CORS_ORIGIN"] = ""

    compose = (ROOT / "docker-compose.yml").read_text()

    passed = {name: text for key, name, text in re.findall(r"(\w+): \"?\$\{(\w+):-(.*?)\}", compose) if key == name}
    assert passed == documented
