#!/bin/sh
# Write the installation's secrets to a volume: those given by NAME or NAME_FILE, else the present ones, else new random
# ones. Each folder is readable by one group only, and each container belongs to the groups of the secrets that it needs.
# All problems are collected before anything is written, one line each. Variables that containers do not read are refused
# by name, unless they have the value of .env.example.
set -eu
umask 077
folder=/run/flix
problems=""
shown=""

complain() { problems="$problems$1
"; }

random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# read_given NAME: set `given` to the value of NAME, or to the text of the file that NAME_FILE names
read_given() {
  eval "given=\${$1:-} file=\${$1_FILE:-}"
  [ -n "$file" ] || return 0
  if [ -n "$given" ]; then complain "$1 and $1_FILE are both set: remove one"; return 0; fi
  # Compose mounts the file here.
  mounted=/run/secrets/$(echo "$1" | tr A-Z a-z)
  if ! given=$(cat "$mounted" 2>&1); then
    complain "$1_FILE: $file cannot be read (${given##*: })"
    given=""
  elif [ -z "$(printf %s "$given" | tr -d '[:space:]')" ]; then
    complain "$1_FILE: $file is empty"
    given=""
  fi
  # Of a file with the line ends of Windows.
  given=${given%"$(printf '\r')"}
}

# check NAME MINIMUM: of a secret that becomes part of a URL or a key
check() {
  read_given "$1"
  case $given in
    "") ;;
    local-only-*-change-me) if [ "${PRODUCTION:-}" = 1 ]; then complain "$1 still has its default"; fi ;;
    *[!A-Za-z0-9._~-]*) complain "$1 must have letters, digits and ._~- only: it becomes part of a URL" ;;
    *) if [ ${#given} -lt "$2" ]; then complain "$1 is too short: at least $2 characters are needed"; fi ;;
  esac
}

# refuse NAME DEFAULT REASON: a variable that containers do not read
refuse() {
  eval "given=\${$1:-} file=\${$1_FILE:-}"
  if [ -n "$file" ]; then complain "$1_FILE is not read in containers: $3"
  elif [ -n "$given" ] && [ "$given" != "$2" ]; then complain "$1 is not read in containers: $3"; fi
}

# check_pem NAME WORDS MEANING: a file in the form PEM, which nginx reads; Compose mounts it
check_pem() {
  eval "file=\${$1:-}"
  if [ -z "$file" ]; then complain "$1 is missing: $3"; return 0; fi
  if ! given=$(cat "/run/secrets/$(echo "$1" | tr A-Z a-z)" 2>&1); then complain "$1: $file cannot be read (${given##*: })"
  else
    case $given in *"$2-----"*) ;; *) complain "$1: $file holds no $2 in the form PEM" ;; esac
  fi
}

# check_pair: whether nginx can use both files, and browsers accept the certificate
check_pair() {
  # Without it nginx itself finds what is wrong.
  command -v openssl >/dev/null || return 0
  certificate=/run/secrets/tls_certificate
  if ! public=$(openssl x509 -in $certificate -noout -pubkey 2>/dev/null); then
    complain "TLS_CERTIFICATE: $TLS_CERTIFICATE is damaged"
  elif ! given=$(openssl pkey -in /run/secrets/tls_key -passin pass: -pubout 2>/dev/null); then
    complain "TLS_KEY: $TLS_KEY is damaged or needs a password"
  elif [ "$public" != "$given" ]; then
    complain "TLS_KEY: $TLS_KEY does not belong to the first certificate of $TLS_CERTIFICATE"
  # No reason to stop what runs.
  elif ! openssl x509 -in $certificate -noout -checkend 604800 >/dev/null; then
    echo "TLS_CERTIFICATE: $TLS_CERTIFICATE ends on $(openssl x509 -in $certificate -noout -enddate | cut -d= -f2): renew it" >&2
  fi
}

# keep FILE NAME: write the given secret; without one keep the present one, or generate it
keep() {
  read_given "$2"
  # The public default of `make run` means: one of this installation's own.
  case $given in local-only-*-change-me) given="" ;; esac
  if [ -n "$given" ]; then printf %s "$given" >"$1"
  elif [ ! -s "$1" ]; then random >"$1.new" && mv "$1.new" "$1"; fi
}

# share FOLDER USER:GROUP: let only that group read it
share() { chown -R "$2" "$1"; chmod 750 "$1"; chmod 640 "$1"/*; }

# Otherwise a development stack of the same name brings samples and the public password into production's data.
if [ "${PRODUCTION:-}" != 1 ] && [ -e "$folder/production" ]; then
  complain "the volumes of this project are production's: set COMPOSE_PROJECT_NAME to another name, or add deploy/compose.production.yml to COMPOSE_FILE"
fi
passwords=POSTGRES_PASSWORD
for service in CONTENT QUIZ AUTH; do
  passwords="$passwords ${service}_OWNER_PASSWORD ${service}_RUNTIME_PASSWORD"
  name=$(echo "$service" | tr A-Z a-z)
  port=$((${port:-3010} + 1))
  refuse "${service}_DATABASE_URL" "sqlite:///data/$name.sqlite" "they use the container postgres; remove it"
  refuse "${service}_PORT" $port "$name listens at $port there; remove it"
  refuse "${service}_URL" "http://127.0.0.1:$port" "$name is at http://$name:$port there; remove it"
done
refuse RESTORE_SCRATCH_URL "" "restore uses the container postgres; remove it"
refuse METRICS_HOST 127.0.0.1 "containers show metrics on their own network, at port 9100; remove it"
refuse METRICS_PORT "" "containers show metrics on their own network, at port 9100; remove it"
refuse SERVICE_HOST 127.0.0.1 "services listen on a network of their own; remove it"
refuse API_HOST 127.0.0.1 "set API_BIND, the address of this machine at which the gateway is published"
if [ "${BRANDING:-}" = 1 ]; then
  for name in BRANDING_GEMINI_API_KEY BRANDING_OPENAI_API_KEY; do
    read_given $name
    keys="${keys:-}$given"
  done
  [ -n "$keys" ] || complain "BRANDING_GEMINI_API_KEY or BRANDING_OPENAI_API_KEY is missing: deploy/compose.branding.yml needs the key of a provider"
else
  refuse BRANDING_GEMINI_API_KEY "" "add deploy/compose.branding.yml to COMPOSE_FILE"
  refuse BRANDING_OPENAI_API_KEY "" "add deploy/compose.branding.yml to COMPOSE_FILE"
fi
if [ "${REPLICAS:-}" = 1 ] && [ "${TRUSTED_PROXIES:-}" = 0 ]; then
  complain "TRUSTED_PROXIES must count nginx of deploy/compose.replicas.yml too: 1, or 2 behind a proxy of yours"
fi
if [ "${TLS:-}" = 1 ]; then
  before=$problems
  check_pem TLS_CERTIFICATE "CERTIFICATE" "the path of the certificate and those that signed it"
  check_pem TLS_KEY "PRIVATE KEY" "the path of the certificate's key"
  [ "$problems" != "$before" ] || check_pair
  [ "${TRUSTED_PROXIES:-}" != 0 ] || complain "TRUSTED_PROXIES must count nginx of deploy/compose.tls.yml too: 1, or 2 behind a proxy of yours"
  refuse API_PORT 3001 "set HTTPS_PORT and HTTP_PORT, at which nginx of deploy/compose.tls.yml is published"
fi
if [ "${PRODUCTION:-}" = 1 ]; then
  [ -n "${API_BIND:-}" ] || complain "API_BIND is missing: the address of this machine at which the API is published, 127.0.0.1 for a proxy on this machine; at any other clients reach it past the firewall, and without TLS unless deploy/compose.tls.yml is used"
  [ -n "${CORS_ORIGIN:-}" ] || complain "CORS_ORIGIN is missing: the sites whose pages may call the API, separated by commas"
  [ -n "$(printf %s "${ADMIN_USERNAME:-}" | tr -d '[:space:]')" ] || complain "ADMIN_USERNAME is missing: the first admin's name"
  [ "${DATABASE_PROFILE:-managed}" = managed ] || complain "DATABASE_PROFILE is $DATABASE_PROFILE, and deploy/compose.production.yml is managed: remove it"
fi
for name in $passwords; do check "$name" 16; done
# As the services demand, which would refuse them one after the other, with some already stopped.
for name in SERVICE_TOKEN_SECRET SIGNING_KEY_SECRET; do check $name $((${PRODUCTION:-0} * 16 + 16)); done
for name in REDIS_URL GRAFANA_ADMIN_PASSWORD ADMIN_PASSWORD; do read_given $name; done
if [ "${PRODUCTION:-}" = 1 ]; then
  case $given in
    "") ;;
    admin123) complain "ADMIN_PASSWORD still has its default" ;;
    *) [ ${#given} -ge 12 ] || complain "ADMIN_PASSWORD is too short: at least 12 characters are needed" ;;
  esac
  for name in $passwords SERVICE_TOKEN_SECRET SIGNING_KEY_SECRET ADMIN_PASSWORD; do
    eval "given=\${$name:-} file=\${${name}_FILE:-}"
    [ -n "$given$file" ] || complain "$name is missing: set ${name}_FILE, or $name"
    if [ -n "$given" ]; then shown="$shown $name"; fi
  done
fi
if [ -n "$problems" ]; then printf %s "$problems" >&2; exit 1; fi
if [ -n "$shown" ]; then echo "docker inspect shows these; name files instead (NAME_FILE):$shown" >&2; fi

mkdir -p "$folder/postgres" "$folder/shared" "$folder/auth_keys" "$folder/valkey" "$folder/gateway" "$folder/branding" "$folder/grafana"
[ "${PRODUCTION:-}" != 1 ] || : >"$folder/production"
keep "$folder/postgres/superuser" POSTGRES_PASSWORD
# For deploy.restore, which creates databases to check copies in.
printf %s "postgresql://postgres:$(cat "$folder/postgres/superuser")@postgres:5432/postgres" >"$folder/postgres/database_url"
keep "$folder/shared/service_token_secret" SERVICE_TOKEN_SECRET
keep "$folder/auth_keys/signing_key_secret" SIGNING_KEY_SECRET
read_given ADMIN_PASSWORD
printf %s "${given:-admin123}" >"$folder/auth_keys/admin_password"

# For the counts that gateways share (compose.production.yml). Generated, because no lasting data depends on it.
keep "$folder/valkey/password" NONE
printf 'requirepass %s\n' "$(cat "$folder/valkey/password")" >"$folder/valkey/valkey.conf"
rm -f "$folder/valkey/redis_url"
read_given REDIS_URL
printf %s "${given:-valkey://:$(cat "$folder/valkey/password")@valkey:6379/0}" >"$folder/gateway/redis_url"

# For deploy/observability/compose.yml.
keep "$folder/grafana/admin_password" GRAFANA_ADMIN_PASSWORD

for provider in GEMINI OPENAI; do
  read_given "BRANDING_${provider}_API_KEY"
  printf %s "$given" >"$folder/branding/$(echo "$provider" | tr A-Z a-z)_api_key"
done

group=20000
for service in content quiz auth; do
  for role in owner runtime; do
    group=$((group + 1))
    keep "$folder/postgres/${service}_$role" "$(echo "${service}_${role}_password" | tr a-z A-Z)"
    mkdir -p "$folder/${service}_$role"
    password=$(cat "$folder/postgres/${service}_$role")
    printf %s "postgresql://${service}_$role:$password@postgres:5432/$service" >"$folder/${service}_$role/database_url"
    share "$folder/${service}_$role" "0:$group"
  done
done
share "$folder/postgres" "999:999"
share "$folder/shared" "0:20000"
share "$folder/auth_keys" "0:20007"
share "$folder/valkey" "0:20010"
share "$folder/gateway" "0:20011"
share "$folder/branding" "0:20012"
share "$folder/grafana" "0:20013"
chmod 755 "$folder"
