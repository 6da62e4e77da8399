"""deploy/redeploy: every container of a service is replaced while requests flow, and none of them is lost."""

import re
from collections.abc import Iterator

import pytest

from tests.compose.stack import ComposeTown
from tests.compose.towns import Figure
from tests.compose.traffic import Flow, everyday_traffic
from tests.installation import SERVERS

REQUESTS_BEFORE_AND_AFTER = 100
# As the services say it, and nginx.
COMPLAINT = re.compile(r'"level":"(error|warning)"|\[(error|warn)\]')


@pytest.fixture(scope="module")
def replicated_town(first_town: ComposeTown) -> Iterator[ComposeTown]:
    """Two containers of each part, behind nginx."""
    first_town.stack.down()
    stack = first_town.stack.with_files("deploy/compose.replicas.yml")
    stack.up()
    stack.wait_until_healthy("door")
    yield ComposeTown(stack)
    stack.down()


def evidence(town: ComposeTown, flow: Flow) -> str:
    """What the clients were told and what the others said of it; containers that are gone have taken theirs along."""
    said = [line for name in (*SERVERS, "door") for line in town.log_lines(name).splitlines()]
    return "\n".join([*flow.refusals, *(line for line in said if COMPLAINT.search(line))])


@pytest.mark.parametrize("service", ["content", "quiz", "auth", "gateway"])
def test_redeploying_a_service_loses_no_request(replicated_town: ComposeTown, service: str, figure: Figure) -> None:
    stack = replicated_town.stack
    before = {str(each.id) for each in stack.containers(service)}
    with everyday_traffic(replicated_town) as flow:
        flow.await_more(REQUESTS_BEFORE_AND_AFTER)
        with stack.start_command("deploy/redeploy", service) as redeploy:
            _, errors = redeploy.communicate()
        flow.await_more(REQUESTS_BEFORE_AND_AFTER)
    after = {str(each.id) for each in stack.containers(service)}

    figure(f"{service} redeployed: {flow.requests} requests, {sum(flow.failures.values())} failures")
    assert redeploy.returncode == 0, errors
    assert flow.failures == {}, evidence(replicated_town, flow)
    assert (len(before), len(after), before & after) == (2, 2, set())


def test_new_containers_that_do_not_become_healthy_go_and_the_old_ones_stay(replicated_town: ComposeTown) -> None:
    stack = replicated_town.stack
    before = stack.ids()
    with everyday_traffic(replicated_town, 2) as flow:
        # As a variable that is wrong does, or an image that is broken.
        command = ("env", "WEB_CONCURRENCY=0", "deploy/redeploy", "content")
        with stack.start_command(*command) as redeploy:
            _, errors = redeploy.communicate()

    assert redeploy.returncode == 1
    assert errors.splitlines()[-1] == (
        "content: the new containers did not become healthy and are gone; the old ones go on"
    )
    assert stack.ids() == before
    assert flow.failures == {}, evidence(replicated_town, flow)


def test_redeploying_what_does_not_run_says_how_to_start_it(replicated_town: ComposeTown) -> None:
    with replicated_town.stack.start_command("deploy/redeploy", "migrate-content") as redeploy:
        _, errors = redeploy.communicate()

    assert (redeploy.returncode, errors) == (1, "migrate-content does not run: docker compose up -d migrate-content\n")
