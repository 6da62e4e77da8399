"""The files that Grafana reads at its start fit together."""

from itertools import combinations
from typing import Any

import yaml

from deploy.stack import ROOT
from tests.deploy.observability.expressions import DASHBOARD, FOLDER

PANELS = DASHBOARD["panels"]


def test_grafana_finds_the_dashboard_and_the_dashboard_prometheus() -> None:
    services = yaml.safe_load((FOLDER / "compose.yml").read_text())["services"]
    mounts = dict(text.split(":")[:2] for text in services["grafana"]["volumes"])
    provider = yaml.safe_load((FOLDER / "grafana/provider.yml").read_text())["providers"][0]
    source = yaml.safe_load((FOLDER / "grafana/datasource.yml").read_text())["datasources"][0]
    scraping = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["global"]["scrape_interval"]
    targets = [target for panel in PANELS for target in panel.get("targets", ())]
    dashboard = mounts["./deploy/observability/grafana/flix.json"]

    assert [name for name in mounts if name.startswith("./") and not (ROOT / name).is_file()] == []
    assert dashboard == f"{provider['options']['path']}/flix.json"
    assert dashboard == services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert source["url"] == f"http://prometheus:{services['prometheus']['ports'][0]['target']}"
    assert source["jsonData"]["timeInterval"] == scraping
    assert {each["datasource"]["uid"] for each in targets} == {source["uid"]}


def test_panels_have_their_own_places_and_say_what_they_show() -> None:
    def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
        across = one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
        return across and one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"]

    shown: list[dict[str, Any]] = [panel for panel in PANELS if panel["type"] != "row"]

    assert len({panel["id"] for panel in PANELS}) == len({panel["title"] for panel in PANELS}) == len(PANELS)
    assert [pair for pair in combinations([panel["gridPos"] for panel in PANELS], 2) if overlap(*pair)] == []
    assert [panel["title"] for panel in shown if not (panel["description"] and panel["targets"])] == []
