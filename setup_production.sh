#!/usr/bin/env bash
# Prepares this machine for MCPShield in production: checks it, makes folders, secrets and settings, builds the images.
# Run again it overwrites nothing and adds what a later version needs.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
  cat <<'TEXT'
Prepares this machine for MCPShield in production. Nothing that is there is overwritten.

  ./setup_production.sh                                             asks for what it needs
  ./setup_production.sh --domain example.com --acme-email ops@example.com --smtp-url-file ~/smtp-url
  ./setup_production.sh --check                                     only looks, changes nothing
  ./setup_production.sh --pin-images                                writes the digests of the images that are here to .env
  ./setup_production.sh --domain example.com … --kubernetes         secrets and a kustomization for a cluster

  --domain NAME          app.NAME, api.NAME and mcp.NAME lead to this machine; or each by --app-domain,
                         --api-domain, --mcp-domain
  --acme-email EMAIL     where the certificate authority writes to
  --smtp-url-file FILE   holds smtp://user:password@host:587 or smtps://…; mails with codes go there
  --smtp-from EMAIL      whom mails are from; noreply@NAME when absent
  --dir FOLDER           of secrets, data and backups; ./production when absent
  --settings FILE        of the settings; ./.env when absent
  --no-docker-check      goes on without Docker: makes folders, secrets and settings alone
  --no-build             leaves the images to somebody else

Exit codes: 0 done, 1 something is missing or wrong, 2 wrong usage.
TEXT
}

readonly MIN_MEMORY_MB=8000 MIN_DISK_MB=20000
check_only=false pin=false docker_check=true build=true kubernetes=false
dir=./production env_file=.env
domain='' smtp_file=''
pass=()
problems=0

say() { printf '%s\n' "$*"; }
good() { printf 'ok       %s\n' "$*"; }
warn() { printf 'warning  %s\n' "$*"; }
bad() {
  printf 'missing  %s\n' "$*" >&2
  problems=$((problems + 1))
}

value() {
  if [ $# -ge 2 ] && [ -n "$2" ]; then return; fi
  say "$1 needs a value; see --help" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage && exit 0 ;;
    --check) check_only=true ;;
    --pin-images) pin=true ;;
    --no-docker-check) docker_check=false build=false ;;
    --no-build) build=false ;;
    --kubernetes) kubernetes=true build=false pass+=(--kubernetes) ;;
    --domain | --app-domain | --api-domain | --mcp-domain | --acme-email | --smtp-url-file | --smtp-from | --dir | --settings)
      value "$@"
      case $1 in
        --domain) domain=$2 ;;
        --smtp-url-file) smtp_file=$2 ;;
        --dir) dir=$2 ;;
        --settings) env_file=$2 ;;
      esac
      pass+=("$1" "$2")
      shift
      ;;
    *) say "There is no option $1; see --help" >&2 && exit 2 ;;
  esac
  shift
done

check_docker() {
  if ! $docker_check; then
    warn 'Docker was not looked for'
    return
  fi
  if ! command -v docker >/dev/null; then
    bad 'Docker: install Docker Engine with its Compose plugin (docs.docker.com/engine/install), or pass --no-docker-check'
    return
  fi
  if docker version --format '{{.Server.Version}}' >/dev/null 2>&1; then
    good "Docker $(docker version --format '{{.Server.Version}}')"
  else
    bad "Docker: its daemon does not answer. Start it, or put this user into the group docker"
  fi
  local compose
  if compose=$(docker compose version --short 2>/dev/null); then
    case $compose in
      1.* | v1.*) bad "Docker Compose $compose is too old: 2.20 or newer is needed" ;;
      *) good "Docker Compose $compose" ;;
    esac
  else
    bad 'Docker Compose: install the plugin docker-compose-plugin'
  fi
}

check_machine() {
  local memory_mb disk_mb parent=$dir
  if [ -r /proc/meminfo ]; then
    memory_mb=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
    if [ "$memory_mb" -ge "$MIN_MEMORY_MB" ]; then good "memory: $memory_mb MB"; else warn "memory: $memory_mb MB; $MIN_MEMORY_MB are better, 6000 of them for the assistant's model"; fi
  fi
  while [ ! -d "$parent" ]; do parent=$(dirname "$parent"); done
  disk_mb=$(df -Pm "$parent" | awk 'NR == 2 { print $4 }')
  if [ "$disk_mb" -ge "$MIN_DISK_MB" ]; then good "disk: $disk_mb MB free for $dir"; else warn "disk: $disk_mb MB free for $dir; the record grows, $MIN_DISK_MB are a beginning"; fi
  if [ ! -w "$parent" ]; then bad "$parent cannot be written: choose another folder with --dir"; fi
}

# An installation that runs already has them itself.
check_ports() {
  if [ -n "$(docker ps --quiet --filter label=com.docker.compose.service=caddy 2>/dev/null || true)" ]; then
    good 'ports 80 and 443: Caddy has them'
    return
  fi
  local port
  for port in 80 443; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      bad "port $port: another program has it. Stop that, or put MCPShield behind it (docs/operations.md)"
    else
      good "port $port is free"
    fi
  done
}

setting() { [ -r "$env_file" ] && sed -n "s/^$1=//p" "$env_file" | tail -n 1; }

check_domains() {
  local name host
  for name in app api mcp; do
    host=$(setting "$(printf '%s_DOMAIN' "$name" | tr '[:lower:]' '[:upper:]')" || true)
    [ -n "$host" ] || { [ -n "$domain" ] && host=$name.$domain; } || continue
    if getent hosts "$host" >/dev/null 2>&1; then
      good "$host leads to $(getent hosts "$host" | awk '{ print $1; exit }')"
    else
      warn "$host leads nowhere yet: without a DNS record there is no certificate for it"
    fi
  done
}

# The program is TypeScript: by the Node of this checkout, a Node 24 of the machine, or the image of the jobs.
run_setup() {
  if [ -x node_modules/.bin/node ] && [ -d node_modules/@nats-io ]; then
    node_modules/.bin/node infra/production/setup.ts "$@"
  elif [ -d node_modules/@nats-io ] && command -v node >/dev/null && node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 24 ? 0 : 1)'; then
    node infra/production/setup.ts "$@"
  elif $docker_check; then
    docker build --quiet -f infra/docker/service.Dockerfile --build-arg FOLDER=infra -t mcpshield/jobs:0.1.0 . >/dev/null
    docker run --rm --interactive --user "$(id -u):$(id -g)" --cap-drop ALL --cap-add CHOWN --network none \
      --volume "$PWD:$PWD" --workdir "$PWD" mcpshield/jobs:0.1.0 /app/infra/production/setup.ts "$@"
  else
    say 'Node 24 with this checkout installed (npm ci) is needed where there is no Docker.' >&2
    return 1
  fi
}

ask() {
  local answer=''
  [ -t 0 ] || { say "$1 is not known, and there is no terminal to ask at; see --help" >&2 && exit 2; }
  read -r -p "$1: " answer
  printf '%s' "$answer"
}

# What an earlier run was told is not asked for again.
ask_for_what_is_missing() {
  local answer
  case " ${pass[*]-} " in *' --domain '* | *'-domain '*) ;; *)
    if [ -z "$(setting APP_DOMAIN || true)" ]; then
      answer=$(ask 'Domain, of which app.…, api.… and mcp.… lead here')
      domain=$answer
      pass+=(--domain "$answer")
    fi
    ;;
  esac
  case " ${pass[*]-} " in *' --acme-email '*) ;; *)
    if [ -z "$(setting ACME_EMAIL || true)" ]; then
      answer=$(ask 'E-mail, for the certificate authority')
      pass+=(--acme-email "$answer")
    fi
    ;;
  esac
}

smtp_url() {
  local url=''
  if [ -n "$smtp_file" ] || [ -s "$dir/secrets/smtp-url" ]; then return; fi
  [ -t 0 ] || { say 'The mail server is not known; see --smtp-url-file in --help' >&2 && exit 2; }
  # Not shown: it holds a password.
  read -r -s -p 'Mail server, smtp://user:password@host:587: ' url && say ''
  printf '%s' "$url"
}

pin_images() {
  local name image digest
  while IFS='|' read -r name image; do
    digest=$(docker image inspect --format '{{if .RepoDigests}}{{index .RepoDigests 0}}{{end}}' "$image" 2>/dev/null || true)
    if [ -z "$digest" ]; then
      warn "$image has no digest here (built here, or not fetched)"
    elif [ -n "$(setting "$name" || true)" ]; then
      good "$name is pinned already"
    else
      printf '%s=%s@%s\n' "$name" "$image" "${digest##*@}" >>"$env_file"
      good "$name=$image@${digest##*@}"
    fi
  done < <(sed -n 's/^ *image: \${\([A-Z_]*_IMAGE\):-\(.*\)}$/\1|\2/p' docker-compose.yml | sort -u)
}

check_docker
check_machine
if ! $kubernetes && $docker_check; then check_ports; fi
check_domains

if [ "$problems" -gt 0 ]; then
  say "$problems of what is needed are missing. Nothing was changed." >&2
  exit 1
fi
if $check_only; then exit 0; fi
if $pin; then
  pin_images
  exit 0
fi

ask_for_what_is_missing
secret=$(smtp_url)
if [ -n "$secret" ]; then
  printf '%s' "$secret" | run_setup "${pass[@]}" --smtp-url-file -
else
  run_setup ${pass[@]+"${pass[@]}"}
fi
if $build; then docker compose --env-file "$env_file" build; fi

say ''
if $kubernetes; then
  say "next: kubectl apply -k $dir"
else
  say 'next: docker compose up -d'
  say '      docker compose run --rm ollama-pull      # the assistant'"'"'s model'
  say "      ./verify_setup.sh --domain ${domain:-…}"
fi
