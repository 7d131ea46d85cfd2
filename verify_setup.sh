#!/usr/bin/env bash
# Asks a running installation from outside whether it does what it is there for: see --help.
set -euo pipefail
cd "$(dirname "$0")"

if [ -x node_modules/.bin/node ]; then
  exec node_modules/.bin/node infra/production/verify.ts "$@"
fi
if command -v node >/dev/null && node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 24 ? 0 : 1)'; then
  exec node infra/production/verify.ts "$@"
fi
if command -v docker >/dev/null; then
  exec docker compose run --rm --env VERIFY_EMAIL --env VERIFY_PASSWORD verify "$@"
fi
echo 'This needs Node 24, or Docker with the images of this installation.' >&2
exit 2
