#!/bin/sh
# Write the installation's secrets to a volume: from the environment, else the present ones, else new random ones.
# Each folder is readable by one group only, and each container belongs to the groups of the secrets that it needs.
set -eu
umask 077
folder=/run/flix

random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# keep FILE GIVEN: write the given secret; without one keep the present one, or generate it
keep() {
  case $2 in *[!A-Za-z0-9._~-]*)
    echo "the secret for ${1##*/} must have letters, digits and ._~- only: it becomes part of a URL" >&2
    exit 1 ;;
  esac
  if [ -n "$2" ] && [ ${#2} -lt 16 ]; then
    echo "the secret for ${1##*/} is too short: at least 16 characters are needed" >&2
    exit 1
  fi
  if [ -n "$2" ]; then printf %s "$2" >"$1"
  elif [ ! -s "$1" ]; then random >"$1.new" && mv "$1.new" "$1"; fi
}

# share FOLDER USER:GROUP: let only that group read it
share() { chown -R "$2" "$1"; chmod 750 "$1"; chmod 640 "$1"/*; }

mkdir -p "$folder/postgres" "$folder/shared" "$folder/auth_keys"
keep "$folder/postgres/superuser" "${POSTGRES_PASSWORD:-}"
# For deploy.restore, which creates databases to check copies in.
printf %s "postgresql://postgres:$(cat "$folder/postgres/superuser")@postgres:5432/postgres" >"$folder/postgres/database_url"
keep "$folder/shared/service_token_secret" "${SERVICE_TOKEN_SECRET:-}"
keep "$folder/auth_keys/signing_key_secret" "${SIGNING_KEY_SECRET:-}"

# For the counts that gateways share (compose.production.yml). Generated, because no lasting data depends on it.
mkdir -p "$folder/valkey"
keep "$folder/valkey/password" ""
printf 'requirepass %s\n' "$(cat "$folder/valkey/password")" >"$folder/valkey/valkey.conf"
printf %s "valkey://:$(cat "$folder/valkey/password")@valkey:6379/0" >"$folder/valkey/redis_url"

group=20000
for service in content quiz auth; do
  name=$(echo "$service" | tr a-z A-Z)
  for role in owner runtime; do
    group=$((group + 1))
    eval "given=\${${name}_$(echo "$role" | tr a-z A-Z)_PASSWORD:-}"
    keep "$folder/postgres/${service}_$role" "$given"
    mkdir -p "$folder/${service}_$role"
    password=$(cat "$folder/postgres/${service}_$role")
    printf %s "postgresql://${service}_$role:$password@postgres:5432/$service" >"$folder/${service}_$role/database_url"
    share "$folder/${service}_$role" "0:$group"
  done
done
share "$folder/postgres" "999:999"
share "$folder/shared" "0:20000"
share "$folder/valkey" "0:20010"
share "$folder/auth_keys" "0:20007"
chmod 755 "$folder"
