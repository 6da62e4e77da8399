"""A PostgreSQL that is restarted under writers; the journeys kill containers."""

from tests.compose.project import ComposeStack
from tests.compose.stacks import Figure
from tests.compose.traffic import everyday_traffic
from tests.faults.writing import HALF_UPLOADS, losses, write_content, writing
from tests.installation import PROCESSES

WRITERS = 6
WRITES = 30


def test_services_recover_by_themselves_when_postgresql_is_restarted_under_load(
    compose_stack: ComposeStack, figure: Figure
) -> None:
    project = compose_stack.project
    started = {name: project.container(name).attrs["State"]["StartedAt"] for name in PROCESSES}
    with (
        writing(compose_stack, *[write_content] * WRITERS) as journal,
        everyday_traffic(compose_stack, 2) as flow,
    ):
        journal.await_more(WRITES, "content")
        project.container("postgres").restart()
        project.wait_until_healthy("postgres")
        journal.await_more(WRITES, "content")
        flow.await_more(WRITES)
    with everyday_traffic(compose_stack, 2) as afterwards:
        afterwards.await_more(WRITES)

    assert set(flow.failures) <= {503, 504}
    assert afterwards.failures == {}
    assert (losses(compose_stack, journal), compose_stack.rows(*HALF_UPLOADS)) == ([], [])
    assert {name: project.container(name).attrs["State"]["StartedAt"] for name in PROCESSES} == started
    figure(
        f"PostgreSQL restarted under load: {len(journal.acknowledged)} writes acknowledged, "
        f"refused {journal.statuses()}, lost 0"
    )
