"""Containers that die, and a PostgreSQL that is restarted, while people write."""

import os

from tests.compose.stack import SERVERS, ComposeTown
from tests.compose.towns import Figure
from tests.compose.traffic import everyday_traffic, losses, writers
from tests.installation import PROCESSES

KILLS = int(os.environ.get("KILLS", "20"))
WRITERS = int(os.environ.get("WRITERS", "6"))
WRITES_BETWEEN_KILLS = int(os.environ.get("WRITES_BETWEEN_KILLS", "30"))


def test_all_containers_killed_and_started_again_lose_nothing(compose_town: ComposeTown) -> None:
    with writers(compose_town, WRITERS) as written:
        written.await_more(WRITES_BETWEEN_KILLS)
    before = compose_town.everything()

    compose_town.kill()
    assert {name: compose_town.stack.container(name).status for name in SERVERS} == dict.fromkeys(SERVERS, "exited")
    compose_town.start()

    assert losses(compose_town, written) == ([], [], [])
    assert compose_town.everything() == before


def test_content_killed_again_and_again_under_writers_loses_no_acknowledged_write(
    compose_town: ComposeTown, figure: Figure
) -> None:
    content = compose_town.stack.container("content")
    with writers(compose_town, WRITERS) as written:
        for _ in range(KILLS):
            written.await_more(WRITES_BETWEEN_KILLS)
            content.kill("SIGKILL")
            content.start()
        written.await_more(WRITES_BETWEEN_KILLS)
    compose_town.start()

    lost = losses(compose_town, written)
    refused = sum(written.refusals.values())
    figure(
        f"content killed {KILLS} times under {WRITERS} writers: {written.acknowledged} writes acknowledged, "
        f"{refused} refused, lost {len(lost[0]) + len(lost[1])}, half there {len(lost[2])}"
    )
    assert lost == ([], [], [])
    assert refused > 0


def test_services_recover_by_themselves_when_postgresql_is_restarted_under_load(
    compose_town: ComposeTown, figure: Figure
) -> None:
    stack = compose_town.stack
    started = {name: stack.container(name).attrs["State"]["StartedAt"] for name in PROCESSES}
    with writers(compose_town, WRITERS) as written, everyday_traffic(compose_town, 2) as flow:
        written.await_more(WRITES_BETWEEN_KILLS)
        stack.container("postgres").restart()
        stack.wait_until_healthy("postgres")
        written.await_more(WRITES_BETWEEN_KILLS)
        flow.await_more(WRITES_BETWEEN_KILLS)
    with everyday_traffic(compose_town, 2) as afterwards:
        afterwards.await_more(WRITES_BETWEEN_KILLS)

    assert set(flow.failures) <= {503, 504}
    assert afterwards.failures == {}
    assert losses(compose_town, written) == ([], [], [])
    assert {name: stack.container(name).attrs["State"]["StartedAt"] for name in PROCESSES} == started
    figure(
        f"PostgreSQL restarted under load: {written.acknowledged} writes acknowledged, "
        f"{sum(written.refusals.values())} refused, lost 0"
    )
