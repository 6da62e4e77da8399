#!/bin/sh
# At the first start of PostgreSQL: for each service a database, the role that owns its schema (migrations) and the
# role that reads and writes its rows (runtime), which can change and see nothing else.
set -eu
# By default every role may connect to the databases that come with the server.
psql -v ON_ERROR_STOP=1 -q -U "$POSTGRES_USER" -d postgres -c 'REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC'
for service in content quiz auth; do
  psql -v ON_ERROR_STOP=1 -q -U "$POSTGRES_USER" -d postgres \
    -v service="$service" -v owner="${service}_owner" -v runtime="${service}_runtime" \
    -v owner_password="$(cat "/run/flix/postgres/${service}_owner")" \
    -v runtime_password="$(cat "/run/flix/postgres/${service}_runtime")" <<'SQL'
CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
CREATE ROLE :"runtime" LOGIN PASSWORD :'runtime_password';
-- Texts sort by code point, as in SQLite.
CREATE DATABASE :"service" OWNER :"owner" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"service" TO :"runtime";
\connect :"service"
ALTER SCHEMA public OWNER TO :"owner";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"runtime";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"runtime";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public GRANT USAGE ON SEQUENCES TO :"runtime";
SQL
done
