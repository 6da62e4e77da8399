"""schemathesis against a running gateway: requests drawn from gateway/openapi.yaml, valid and invalid."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, Failure, ServerError
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import events, from_schema
from schemathesis.generation.meta import CoveragePhaseData
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

from deploy.stack import ROOT
from tests.figures import Figure
from tests.fuzz.stage import Stage, build_stage
from tests.installation import Stack

DOCUMENT = ROOT / "gateway" / "openapi.yaml"
# Whoever fuzzes signs in as another client: guesses at a password that it sent before must not keep it out
# (TRUSTED_PROXIES=1 in its stack).
OWN_ADDRESS = {"X-Forwarded-For": "198.51.100.7"}
# What counts attempts to sign in. All together they would soon be too many from one address, and no more be looked at.
COUNTING_ATTEMPTS = ("login", "changePassword")
# Begin another session for each logout.
ENDS_ITS_SESSION = "logout"
# Its own account is not to be changed: once it has invited an owner and come as that one, LAST_OWNER keeps it no more
# from disabling or demoting itself, or from resetting its own password. It changes somebody else, whom nobody knows.
CHANGING_SOMEBODY, OWN_ID, SOMEBODY_ELSE = ("updatePerson", "resetPassword"), "admin-1", "somebody-else"

# The number of stages for each round; some are deleted on the way.
STAGES = 10

# The fuzzer's installation has no key of a provider: a request that wants no fallback fails.
NO_PROVIDER = "BRANDING_PROVIDER_FAILED"
# The errors of rules that no schema can state; any other refusal of a valid request is a failure.
RULES = {"LESSON_INVALID_WINDOW", "QUIZ_INVALID_ATTEMPT", "BRANDING_PROVIDER_INVALID", NO_PROVIDER}
# Fields whose rules no schema can state: a cursor, orders of questions that must differ, and addresses of videos.
UNSTATED = ({"cursor"}, {"questions"}, {"videoId"}, {"videoProvider"})
# A failed precondition and a reused key are responses to valid requests.
ANSWERS_TO_VALID_DATA = ["2xx", "304", "401", "403", "404", "409", "412", "422"]
# A failed precondition may come before the body is judged (RFC 9110 section 13.2.1). No 5xx is a refusal.
ANSWERS_TO_INVALID_DATA = ["400", "401", "403", "404", "405", "406", "409", "412", "415", "422", "429"]
# After too many attempts to sign in every request is refused.
ANSWERS_TO_ATTEMPTS = {
    "positive_data_acceptance": {"expected-statuses": [*ANSWERS_TO_VALID_DATA, "429"]},
    "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "413", "415", "429"]},
}

_clients = count(1)


@dataclass
class Outcome:
    """The number of cases by phase, the operations that succeeded, and the failures."""

    cases: Counter[str] = field(default_factory=Counter)
    succeeded: set[str] = field(default_factory=set)
    responses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Return the number of requests that were sent and checked."""
        return sum(self.cases.values())


def fuzz(stack: Stack, wanted: int, examples: int, scenarios: int, figure: Figure) -> Outcome:
    """Run at least this many cases, in rounds of different seeds, until a round finds a failure.

    `examples` are generated for each operation in a round, and so many `scenarios` of several requests.
    """
    outcome, rounds = Outcome(), 0
    while outcome.total < wanted and not outcome.failures:
        rounds += 1
        _round(stack, rounds, examples, scenarios, outcome)
    phases = ", ".join(f"{count:,} {phase}" for phase, count in outcome.cases.items())
    statuses = ", ".join(f"{count:,} x {status}" for status, count in sorted(outcome.responses.items()))
    figure(f"{outcome.total:,} cases in {rounds} rounds ({phases}): {len(outcome.failures)} failures")
    figure(f"{len(outcome.succeeded)} operations succeeded at least once; answers: {statuses}")
    return outcome


def operations() -> set[str]:
    """Return every operation of the document, such as `PUT /api/events/{eventId}`."""
    return {result.ok().label for result in _load("http://gateway.test", 1, 1, 1).get_all_operations()}


def _round(stack: Stack, seed: int, examples: int, scenarios: int, outcome: Outcome) -> None:
    with stack.admin() as admin:
        stages = [build_stage(admin) for _ in range(STAGES)]
    schema = _load(stack.address, seed, examples, scenarios, stages)
    _sign_in_for(schema, stack)
    schema.hook(filter_failure)
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _count(event, outcome)
        elif isinstance(event, events.NonFatalError):
            outcome.failures.append(f"{event.label}: {event.info.format()}")
        elif isinstance(event, events.FatalError):
            raise event.exception


def _load(address: str, seed: int, examples: int, scenarios: int, stages: Sequence[Stage] = ()) -> Any:
    settings = {
        **_known(stages),
        "base-url": address,
        "seed": seed,
        # Longer than the gateway's own deadline.
        "request-timeout": 120,
        "cache": {"enabled": False},
        "generation": {"database": "none", "max-examples": examples},
        # On a busy machine cases are drawn slowly.
        "suppress-health-check": ["too_slow"],
        "phases": {"stateful": {"generation": {"max-examples": scenarios}}},
        "checks": {
            "positive_data_acceptance": {"expected-statuses": ANSWERS_TO_VALID_DATA},
            "negative_data_rejection": {"expected-statuses": ANSWERS_TO_INVALID_DATA},
        },
        "output": {"sanitization": {"enabled": False}},
    }
    return schemathesis.openapi.from_path(DOCUMENT, config=schemathesis.Config.from_dict(settings))


def _known(stages: Sequence[Stage]) -> dict[str, Any]:
    """Return the settings by which most requests name records that exist."""
    # Schemathesis reads the YAML before it compares it with the schema of a text.
    as_text = {
        "include-operation-id": "getOpenapiYaml",
        "checks": {"response_schema_conformance": {"enabled": False}},
    }
    if not stages:
        return {"operations": [as_text]}
    one = stages[-1]
    words = {
        "events": [stage.event_slug for stage in stages],
        "lessons": [stage.lesson_slug for stage in stages],
        "people": [stage.person_id for stage in stages],
        "one-event": [one.event_id],
        "one-lesson": [one.lesson_id],
        "its-materials": list(one.material_ids),
    }
    learners = {"path.eventSlug": _word("events", 0.6), "path.lessonSlug": _word("lessons", 0.6)}
    people = {"path.userId": _word("people", 0.6)}
    materials = {"eventId": "one-event", "lessonId": "one-lesson", "materialId": "its-materials"}
    return {
        "dictionaries": {name: {"values": values} for name, values in words.items()},
        "parameters": learners | people,
        "operations": [
            as_text,
            {
                "include-operation-id": "deleteMaterial",
                # Three ids that must belong together.
                "parameters": {f"path.{name}": _word(word, 0.8) for name, word in materials.items()},
            },
            *({"include-operation-id": name, "checks": ANSWERS_TO_ATTEMPTS} for name in COUNTING_ATTEMPTS),
        ],
    }


def _word(dictionary: str, probability: float) -> dict[str, Any]:
    return {"dictionary": dictionary, "probability": probability}


def _sign_in_for(schema: Any, stack: Stack) -> None:
    class SignedIn:
        """Signs in when the token is missing, old or refused."""

        def get(self, case: Any, context: Any) -> str:
            """Return a token of the stack's owner."""
            with stack.client(**OWN_ADDRESS) as client:
                response = client.post("/api/admin/login", json=dict(stack.sign_in))
            response.raise_for_status()
            return str(response.json()["accessToken"])

        def set(self, case: Any, data: str, context: Any) -> None:
            """Send the token."""
            case.headers["Authorization"] = f"Bearer {data}"

    # Learners need no token; the check ignored_auth also sends requests without a token.
    schema.auth(refresh_interval=None).apply_to(operation_id=ENDS_ITS_SESSION)(SignedIn)
    schema.auth().skip_for(lambda context: "x-role" not in context.operation.definition.raw)(SignedIn)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Remove headers that would keep schemathesis' systematic cases from doing anything.

    Each of them has an Idempotency-Key, and always the same one, so that only the first creates something; and the
    If-Match of each is malformed. What is about headers keeps them, and so does what is drawn at random.
    """
    _spare_the_account(case)
    about = case.meta.phase.data
    if isinstance(about, CoveragePhaseData) and about.parameter_location is not ParameterLocation.HEADER:
        for name in ("Idempotency-Key", "If-Match"):
            case.headers.pop(name, None)


def _spare_the_account(case: Any) -> None:
    """Send each attempt to sign in from its own address, and change no own account."""
    name = case.operation.definition.raw["operationId"]
    if name in COUNTING_ATTEMPTS:
        case.headers["X-Forwarded-For"] = f"2001:db8:0:{next(_clients):x}::1"
    if name in CHANGING_SOMEBODY and case.path_parameters.get("userId") == OWN_ID:
        case.path_parameters["userId"] = SOMEBODY_ELSE


def filter_failure(context: Any, failure: Failure, case: Any, response: Any) -> bool:
    """Return False to drop a failure that is none (a hook of schemathesis)."""
    match failure:
        case RejectedPositiveData():
            return not _breaks_an_unstated_rule(response)
        case AcceptedNegativeData():
            return not (_is_blank_where_none_is_asked_for(case, response) or _is_valid_when_trimmed(case))
        case ServerError():
            return bool(response.json()["error"] != NO_PROVIDER)
        case UseAfterFree():
            # Attempts outlive their quiz.
            return not case.operation.path.endswith("/attempts")
    return True


def _is_blank_where_none_is_asked_for(case: Any, response: Any) -> bool:
    """Tell whether an optional body is blank, which counts as no body."""
    return any(not body.is_required for body in case.operation.body) and not (response.request.body or b"").strip()


def _is_valid_when_trimmed(case: Any) -> bool:
    """Tell whether trimming makes the body valid (docs/contract/BEHAVIOUR.md, "Events")."""
    body, query = _trimmed(case.body), _trimmed(dict(case.query or {}))
    if (body, query) == (case.body, dict(case.query or {})):
        return False
    parameters = {each.name: each for each in case.operation.query}
    return all(name in parameters and parameters[name].is_valid(value) for name, value in query.items()) and (
        not case.operation.body or any(each.is_valid(body) for each in case.operation.body)
    )


def _trimmed(value: Any) -> Any:
    match value:
        case str():
            return value.strip()
        case list():
            return [_trimmed(each) for each in value]
        case dict():
            return {name: _trimmed(each) for name, each in value.items()}
    return value


def _breaks_an_unstated_rule(response: Any) -> bool:
    document = response.json()
    if document["error"] in RULES:
        return True
    details = document.get("details", {"formErrors": [], "fieldErrors": {}})
    return not details["formErrors"] and set(details["fieldErrors"]) in UNSTATED


def _count(event: events.ScenarioFinished, outcome: Outcome) -> None:
    recorder = event.recorder
    outcome.cases[event.phase.value] += len(recorder.interactions)
    for case_id, interaction in recorder.interactions.items():
        case, response = recorder.cases[case_id].value, interaction.response
        if response is None:
            outcome.failures.append(f"{case.operation.label}: no answer\n{case.as_curl_command()}")
            continue
        outcome.responses[response.status_code] += 1
        if response.status_code < 300 and case.operation.method.upper() == response.request.method:
            outcome.succeeded.add(case.operation.label)
    for checks in recorder.checks.values():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                text = f"{failure.operation}: {check.name}: {failure.title}\n{failure.message}"
                outcome.failures.append(f"{text}\n{check.failure_info.code_sample}")
