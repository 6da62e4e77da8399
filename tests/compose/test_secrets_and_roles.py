"""Which container reads which secret, and what each database role may do."""

import pytest

from tests.compose.project import ComposeProject
from tests.installation import PROCESSES, SERVICES

SECRETS = (
    "shared/service_token_secret",
    "auth_keys/signing_key_secret",
    "auth_keys/admin_password",
    "postgres/superuser",
    "postgres/database_url",
    "valkey/password",
    "gateway/redis_url",
    "grafana/admin_password",
    *(f"{service}_{role}/database_url" for service in SERVICES for role in ("owner", "runtime")),
)


@pytest.mark.parametrize("part", PROCESSES)
def test_a_container_reads_its_own_secrets_and_no_other(project: ComposeProject, part: str) -> None:
    readable = [file for file in SECRETS if project.execute(part, "cat", f"/run/flix/{file}").returncode == 0]

    keys = ["auth_keys/signing_key_secret", "auth_keys/admin_password"] if part == "auth" else []
    own = ["gateway/redis_url"] if part == "gateway" else [f"{part.removeprefix('follow-')}_runtime/database_url"]
    assert readable == ["shared/service_token_secret", *keys, *own]


def test_secrets_are_different_and_random(project: ComposeProject) -> None:
    secrets = [project.secret(file) for file in SECRETS if file != "auth_keys/admin_password"]

    assert len(set(secrets)) == len(secrets)
    assert all(len(each) >= 48 for each in secrets)


@pytest.mark.parametrize("service", SERVICES)
def test_the_runtime_role_reads_and_writes_rows_and_nothing_else(project: ComposeProject, service: str) -> None:
    url = project.secret(f"{service}_runtime/database_url")
    (table,) = project.sql(
        service, "SELECT min(tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '%ledger'"
    )[0]

    def refusal(statement: str) -> str:
        return project.execute("postgres", "psql", "-X", "-q", url, "-c", statement).stderr.strip()

    assert refusal(f"SELECT count(*) FROM {table}") == ""
    assert refusal("CREATE TABLE mine (id int)").startswith("ERROR:  permission denied for schema public")
    assert refusal("CREATE SCHEMA mine") == f"ERROR:  permission denied for database {service}"
    assert refusal("CREATE TEMP TABLE mine (id int)").startswith("ERROR:  permission denied to create temporary tables")
    assert refusal(f"ALTER TABLE {table} ADD COLUMN mine int") == f"ERROR:  must be owner of table {table}"
    assert refusal(f"DROP TABLE {table}") == f"ERROR:  must be owner of table {table}"
    assert refusal(f"TRUNCATE {table}") == f"ERROR:  permission denied for table {table}"
    assert refusal("CREATE ROLE mine").startswith("ERROR:  permission denied to create role")
    assert refusal("COPY (SELECT 1) TO PROGRAM 'id'").startswith(
        "ERROR:  permission denied to COPY to or from an external"
    )


@pytest.mark.parametrize("role", ["owner", "runtime"])
@pytest.mark.parametrize("service", SERVICES)
def test_no_role_gets_into_another_database(project: ComposeProject, service: str, role: str) -> None:
    url = project.secret(f"{service}_{role}/database_url")
    refused = []
    for database in (*SERVICES, "postgres", "template1"):
        done = project.execute("postgres", "psql", "-X", "-q", url.removesuffix(service) + database, "-c", "SELECT 1")
        if f'permission denied for database "{database}"' in done.stderr:
            refused.append(database)

    assert refused == [each for each in (*SERVICES, "postgres", "template1") if each != service]
