"""Find the declaration of each public operation: that of a view, or of the responder that the request goes to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from gateway.routes import PUBLIC_EVENTS, PUBLIC_ROUTES, PublicRoute
from gateway.sources import Service, Source
from services.auth.app import routes as auth_routes
from services.content.app import routes as content_routes
from services.content.config import read_settings as read_content_settings
from services.kit.core.errors import ServiceError
from services.kit.web.guards import Guard, Route
from services.kit.web.operations import Operation, declared_operation, operation_of
from services.quiz.app import routes as quiz_routes

PATH_PARAMETER = re.compile(r"\{(\w+)\}")


class MissingDeclaration(Exception):
    """Public operations whose responders declare nothing, one line each."""


@dataclass(frozen=True)
class PublicOperation:
    """A method of a public address: its path as the document writes it, its guard, and what is declared.

    `bodies` are the schemas that read the client's body; `errors` are the refusals that do not follow from its kind.
    """

    method: str
    path: str
    guard: Guard
    declared: Operation
    bodies: tuple[type[BaseModel], ...]
    body_is_optional: bool
    errors: tuple[type[ServiceError], ...]
    takes_learner_grant: bool
    is_read_form: bool

    @property
    def path_parameters(self) -> list[str]:
        """The names of the path parameters in their order."""
        return PATH_PARAMETER.findall(self.path)


def public_operations() -> list[PublicOperation]:
    """Return every public operation in the order of the routes table. Raise MissingDeclaration."""
    tables = _service_tables()
    found: list[PublicOperation] = []
    missing: list[str] = []
    for route in PUBLIC_ROUTES:
        for method in route.methods:
            try:
                found.append(_public_operation(route, method, tables))
            except MissingDeclaration as error:
                missing.append(f"{method} {route.path}: {error}")
    if missing:
        raise MissingDeclaration("\n".join(missing))
    return found


def _service_tables() -> Mapping[Service, Mapping[str, Route]]:
    """Return the routes of each service by their path, over resources that cannot be called."""
    # The rows are read for their declarations only.
    nothing: Any = _Nothing()
    tables = {
        Service.CONTENT: content_routes(nothing, nothing, read_content_settings({}), nothing),
        Service.QUIZ: quiz_routes(nothing, nothing, nothing),
        Service.AUTH: auth_routes(nothing, nothing),
    }
    return {service: {route.path: route for route in table} for service, table in tables.items()}


class _Nothing:
    threads = 1

    def __getattr__(self, name: str) -> None:
        return None


def _public_operation(
    route: PublicRoute, method: str, tables: Mapping[Service, Mapping[str, Route]]
) -> PublicOperation:
    guard, target = route.methods[method]
    source = route.source(method)
    declared = _declared(source, tables) if source else declared_operation(target)
    if declared is None:
        raise MissingDeclaration("the view declares neither an operation nor a source")
    declarations = [declared]
    is_read_form = source is not None and source.read is not None
    bodies = [declared.body] if declared.body and (source is None or source.reads_body) else []
    if source and source.admission:
        admission = _declared(source.admission, tables)
        declarations.append(admission)
        bodies += [admission.body] if admission.body and not is_read_form else []
    return PublicOperation(
        method=method,
        path=_documented_path(route),
        guard=guard,
        declared=declared,
        bodies=tuple(bodies),
        body_is_optional=bool(bodies) and not (declared.body in bodies and not declared.body_is_optional),
        errors=tuple(dict.fromkeys(error for each in declarations for error in each.errors)),
        takes_learner_grant=route.event_slug is not None and route.path.startswith(PUBLIC_EVENTS),
        is_read_form=is_read_form,
    )


def _declared(source: Source, tables: Mapping[Service, Mapping[str, Route]]) -> Operation:
    row = tables[source.service].get(source.path)
    if row is None:
        raise MissingDeclaration(f"{source.service.value} has no route {source.path}")
    declared = operation_of(row.resource, source.method, row.suffix)
    if declared is None:
        raise MissingDeclaration(f"{source.service.value} declares no operation at {source.method} {source.path}")
    if source.read is None:
        return declared
    found = [each for each in declared.reads if each.id == source.read]
    if not found:
        raise MissingDeclaration(f"{source.service.value} declares no {source.read} at {source.path}")
    return found[0]


def _documented_path(route: PublicRoute) -> str:
    def name(parameter: re.Match[str]) -> str:
        return "{eventSlug}" if parameter[1] == route.event_slug else "{" + to_camel(parameter[1]) + "}"

    return PATH_PARAMETER.sub(name, route.path)
