"""The reports that each service gives the gateway: the check of its database, and the query of its audit log."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

# Before Python 3.12 pydantic does not support the standard library's TypedDict.
from typing_extensions import TypedDict

from services.kit.core.findings import Finding
from services.kit.web.list_queries import Keys, ListQuery
from services.kit.web.pages import DEFAULT_LIMIT
from services.kit.web.schemas import ExactText, Instant, InstantText, length

# At most this many findings are in one response; the command `check` prints all.
SHOWN_FINDINGS = 200

_ACTION = r"_*[A-Za-z][A-Za-z_]*\.(_*[A-Za-z][A-Za-z_]*)?"


class FindingView(TypedDict):
    """A row that breaks a rule of its service; `id` is "-" where the finding is not about a single row."""

    table: str
    id: str
    rule: str
    message: str
    repairable: bool


def finding_view(finding: Finding) -> FindingView:
    """Return the view of a finding."""
    return {
        "table": finding.table,
        "id": finding.id,
        "rule": finding.rule,
        "message": finding.message,
        "repairable": finding.repair is not None,
    }


class ProgressView(TypedDict):
    """The progress of a running check; `of` is 0 where the number of rows is not known."""

    stage: str
    done: int
    of: int


class ReportView(TypedDict):
    """The latest check of one service. `total` counts all findings; `progress` is null after the end."""

    status: Literal["findings", "running", "ok"]
    startedAt: InstantText
    finishedAt: InstantText | None
    progress: ProgressView | None
    total: int
    findings: Annotated[list[FindingView], Field(max_length=SHOWN_FINDINGS)]


def _action(text: str) -> str:
    if not re.fullmatch(_ACTION, text):
        raise ValueError("must be an action such as event.created, or a kind with its dot, such as event.")
    return text


# No id or action is longer; ids from baseline installations are free text.
Identifier = Annotated[ExactText, length(1, 200)]
Action = Annotated[Identifier, AfterValidator(_action), Field(json_schema_extra={"pattern": f"^{_ACTION}$"})]


class AuditFilters(ListQuery):
    """The filters of the audit log, which the gateway and the services read in the same way."""

    list_name = "audit"
    keys: ClassVar[Keys] = {"occurredAt": (int, str)}
    default_limit = DEFAULT_LIMIT

    actor_id: Annotated[Identifier | None, Field(description="only entries of this person")] = None
    action: Annotated[Action | None, Field(description="only this action, or this kind with its dot: event.")] = None
    subject_id: Annotated[Identifier | None, Field(description="only entries about this id")] = None
    since: Annotated[Instant | None, Field(alias="from", description="only from this instant on")] = None
    until: Annotated[Instant | None, Field(alias="to", description="only before this instant")] = None
