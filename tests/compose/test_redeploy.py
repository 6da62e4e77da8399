"""deploy/redeploy: every container of a service is replaced while requests flow, and none of them is lost."""

import re
from collections.abc import Iterator

import pytest

from tests.compose.project import ComposeStack
from tests.compose.stacks import Figure
from tests.compose.traffic import Flow, everyday_traffic
from tests.figures import so_many
from tests.installation import SERVERS

REQUESTS_BEFORE_AND_AFTER = so_many(100, 2_000)
# Warnings and errors of the services and of nginx.
COMPLAINT = re.compile(r'"level":"(error|warning)"|\[(error|warn)\]')


@pytest.fixture(scope="module")
def replicated_stack(first_stack: ComposeStack) -> Iterator[ComposeStack]:
    """Two containers of each part, behind nginx."""
    first_stack.project.down()
    project = first_stack.project.with_files("deploy/compose.replicas.yml")
    project.up()
    project.wait_until_healthy("door")
    yield ComposeStack(project)
    project.down()


def evidence(stack: ComposeStack, flow: Flow) -> str:
    """Return the refusals and the warnings in the logs of the containers that are left."""
    lines = [line for name in (*SERVERS, "door") for line in stack.log_lines(name).splitlines()]
    return "\n".join([*flow.refusals, *(line for line in lines if COMPLAINT.search(line))])


@pytest.mark.parametrize("service", ["content", "quiz", "auth", "gateway"])
def test_redeploying_a_service_loses_no_request(replicated_stack: ComposeStack, service: str, figure: Figure) -> None:
    project = replicated_stack.project
    before = {str(each.id) for each in project.containers(service)}
    with everyday_traffic(replicated_stack) as flow:
        flow.await_more(REQUESTS_BEFORE_AND_AFTER)
        with project.start_command("deploy/redeploy", service) as redeploy:
            _, errors = redeploy.communicate()
        flow.await_more(REQUESTS_BEFORE_AND_AFTER)
    after = {str(each.id) for each in project.containers(service)}

    figure(f"{service} redeployed: {flow.requests} requests, {sum(flow.failures.values())} failures")
    assert redeploy.returncode == 0, errors
    assert flow.failures == {}, evidence(replicated_stack, flow)
    assert (len(before), len(after), before & after) == (2, 2, set())


def test_unhealthy_new_containers_are_removed_and_the_old_ones_stay(replicated_stack: ComposeStack) -> None:
    project = replicated_stack.project
    before = project.ids()
    with everyday_traffic(replicated_stack, 2) as flow:
        # Like a wrong variable or a broken image.
        command = ("env", "WEB_CONCURRENCY=0", "deploy/redeploy", "content")
        with project.start_command(*command) as redeploy:
            _, errors = redeploy.communicate()

    assert redeploy.returncode == 1
    assert errors.splitlines()[-1] == (
        "content: the new containers did not become healthy and are removed; the old ones keep running"
    )
    assert project.ids() == before
    assert flow.failures == {}, evidence(replicated_stack, flow)


def test_redeploying_what_does_not_run_says_how_to_start_it(replicated_stack: ComposeStack) -> None:
    with replicated_stack.project.start_command("deploy/redeploy", "migrate-content") as redeploy:
        _, errors = redeploy.communicate()

    assert (redeploy.returncode, errors) == (1, "migrate-content does not run: docker compose up -d migrate-content\n")
