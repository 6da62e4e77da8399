"""How many statements the lists of people and of the audit log send, for any number of people."""

import peewee
import pytest

from services.auth.entities import AdminFilter
from services.auth.repository.store import PeeweeAuthStore
from services.kit.storage.audit.log import AuditFilter
from services.kit.web.pages import PageRequest
from tests.auth.examples import an_admin
from tests.query_counts import Cost, counted, split

COSTS: list[Cost[PeeweeAuthStore]] = [
    Cost("people", lambda store: store.admins.list(PageRequest()), 1),
    Cost("people, filtered", lambda store: store.admins.list(PageRequest(20), AdminFilter(role="owner", q="a")), 1),
    Cost("audit log", lambda store: store.audit.list(AuditFilter(), PageRequest(50)), 1),
    Cost("audit log, filtered", lambda store: store.audit.list(AuditFilter(action="admin."), PageRequest(50)), 1),
]


@pytest.mark.parametrize("cost", COSTS, ids=[cost.name for cost in COSTS])
def test_a_list_is_one_statement(auth_database: peewee.Database, cost: Cost[PeeweeAuthStore]) -> None:
    store = PeeweeAuthStore(auth_database)
    for number in range(30):
        store.admins.add(an_admin(id=f"admin-{number}", username=f"ada-{number}"))
    with counted(auth_database) as statements:
        cost.use_case(store)
    assert split(statements) == (cost.queries, cost.savepoints), "\n".join(statements)
