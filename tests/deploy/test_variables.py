"""docker-compose.yml passes on what .env.example says that an operator may set."""

import re

from deploy.stack import ROOT

# What the containers have their own of: addresses, databases, secrets, and who the first admin is.
OF_THE_CONTAINERS = re.compile(
    r"DATABASE_PROFILE|.*_(URL|PORT|HOST)|API_.*|ADMIN_(USERNAME|PASSWORD)|SERVICE_TOKEN_SECRET|SIGNING_KEY_SECRET"
)


def test_what_an_operator_may_set_is_passed_on_with_the_same_default() -> None:
    documented = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    documented = {name: text for name, text in documented.items() if not OF_THE_CONTAINERS.fullmatch(name)}
    # Unset, the gateway has its own list of origins.
    documented["CORS_ORIGIN"] = ""

    compose = (ROOT / "docker-compose.yml").read_text()

    passed = {name: text for key, name, text in re.findall(r"(\w+): \"?\$\{(\w+):-(.*?)\}", compose) if key == name}
    assert passed == documented
