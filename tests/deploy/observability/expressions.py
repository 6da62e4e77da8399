"""The alerts and the dashboard of deploy/observability, and the expressions in them."""

import json
import re
from typing import Any

import yaml

from deploy.stack import ROOT

FOLDER = ROOT / "deploy/observability"
ALERTS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana/flix.json").read_text())

_BOUNDS = re.compile(r" (?:>|==) [\d.]+")


def expressions_of_alerts() -> dict[str, str]:
    """Return what each alert compares, without the bounds, so that it has data while nothing is wrong."""
    return {rule["alert"]: _BOUNDS.sub("", rule["expr"]) for rule in ALERTS}


def expressions_of_the_dashboard() -> dict[str, str]:
    """Return each expression of each panel, as Grafana sends it for the last hours."""
    return {
        f"{panel['title']}: {target['legendFormat']}": target["expr"].replace("$__rate_interval", "1m")
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", ())
    }
