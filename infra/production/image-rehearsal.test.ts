import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from './compose-file.ts'
import { isSent, stagesOf } from './image-rehearsal.ts'

const dockerignore = readFileSync(join(ROOT, '.dockerignore'), 'utf8')

describe('to the builder of an image', () => {
  test.each([
    '.env',
    '.env.example',
    'infra/.env.local',
    '.git/config',
    '.mcpshield/secrets/master-key',
    'production/secrets/master-key',
    'production/data/postgres/PG_VERSION',
    'node_modules/zod/package.json',
    'services/auth/node_modules/x/index.js',
    'services/auth/test/auth.it.test.ts',
    'libs/policy/spec/first-match.yaml',
    'services/auth/src/codes.test.ts',
    'web/build/handler.js',
    'web/.svelte-kit/tsconfig.json',
    'tests/e2e/product.ts',
    'docker-compose.yml',
  ])('%s is not sent', (path) => {
    expect(isSent(path, dockerignore)).toBe(false)
  })

  test.each([
    'package.json',
    'package-lock.json',
    '.npmrc',
    'services/auth/src/main.ts',
    'services/ingest/src/tables/0001-audit-decisions.sql',
    'libs/bus/src/connect.ts',
    'libs/policy/package.json',
    'cli/package.json',
    'tests/package.json',
    'bench/package.json',
    'infra/production/prepare.ts',
    'infra/docker/health.js',
    'web/src/main.ts',
    'web/static/favicon.svg',
    'docs/operations.md',
    'docs/policy/cookbook/redis-cache.yaml',
  ])('%s is sent', (path) => {
    expect(isSent(path, dockerignore)).toBe(true)
  })
})

test('a Dockerfile is read by its stages, lines that belong together as one', () => {
  const text =
    '# why\nARG A=1\nFROM a AS one\nARG FOLDER\nRUN x "${FOLDER}" \\\n    && y\nFROM ${B}\nCOPY --from=one /a /b\n'
  expect(stagesOf(text, { FOLDER: 'services/auth' })).toEqual([
    { name: 'one', instructions: ['ARG FOLDER', 'RUN x "services/auth" && y'] },
    { name: '', instructions: ['COPY --from=one /a /b'] },
  ])
})
