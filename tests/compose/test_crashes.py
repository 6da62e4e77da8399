"""Containers that are killed, and a PostgreSQL that is restarted, under writers."""

from tests.compose.project import SERVERS, ComposeStack
from tests.compose.stacks import Figure
from tests.compose.traffic import everyday_traffic, losses, writers
from tests.installation import PROCESSES

WRITERS = 6
WRITES_BETWEEN_KILLS = 30


def test_all_containers_killed_and_started_again_lose_nothing(compose_stack: ComposeStack) -> None:
    with writers(compose_stack, WRITERS) as written:
        written.await_more(WRITES_BETWEEN_KILLS)
    before = compose_stack.everything()

    compose_stack.kill()
    assert {name: compose_stack.project.container(name).status for name in SERVERS} == dict.fromkeys(SERVERS, "exited")
    compose_stack.start()

    assert losses(compose_stack, written) == ([], [], [])
    assert compose_stack.everything() == before


def test_services_recover_by_themselves_when_postgresql_is_restarted_under_load(
    compose_stack: ComposeStack, figure: Figure
) -> None:
    project = compose_stack.project
    started = {name: project.container(name).attrs["State"]["StartedAt"] for name in PROCESSES}
    with writers(compose_stack, WRITERS) as written, everyday_traffic(compose_stack, 2) as flow:
        written.await_more(WRITES_BETWEEN_KILLS)
        project.container("postgres").restart()
        project.wait_until_healthy("postgres")
        written.await_more(WRITES_BETWEEN_KILLS)
        flow.await_more(WRITES_BETWEEN_KILLS)
    with everyday_traffic(compose_stack, 2) as afterwards:
        afterwards.await_more(WRITES_BETWEEN_KILLS)

    assert set(flow.failures) <= {503, 504}
    assert afterwards.failures == {}
    assert losses(compose_stack, written) == ([], [], [])
    assert {name: project.container(name).attrs["State"]["StartedAt"] for name in PROCESSES} == started
    figure(
        f"PostgreSQL restarted under load: {written.acknowledged} writes acknowledged, "
        f"{sum(written.refusals.values())} refused, lost 0"
    )
