// Docker's own parsers read what is written for Docker: Compose's loader the Compose files, BuildKit's linter the Dockerfiles.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from './compose-file.ts'
import { setUp } from './setup.ts'
import { parserProgram } from './test-programs.ts'

const compose = await parserProgram('compose', process.env)
const dockerfile = await parserProgram('dockerfile', process.env)
for (const program of [compose, dockerfile])
  if (typeof program !== 'string') console.warn(`SKIPPED: Docker\u2019s own parsers, as ${program.missing}.`)

const folder = mkdtempSync(join(tmpdir(), 'mcpshield-parsers-'))
const settings = join(folder, 'settings')
const nothingSet = join(folder, 'nothing')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

beforeAll(async () => {
  writeFileSync(nothingSet, '')
  await setUp({
    dir: join(folder, 'production'),
    envFile: settings,
    settings: {
      APP_DOMAIN: 'app.mine.test',
      API_DOMAIN: 'api.mine.test',
      MCP_DOMAIN: 'mcp.mine.test',
      ACME_EMAIL: 'a@mine.test',
      SMTP_FROM_EMAIL: 'b@mine.test',
    },
    smtpUrl: 'smtp://x',
    kubernetes: false,
  })
})

/** Exit code, and what is complained of. */
function says(program: unknown, args: string[]): [number | null, string] {
  // Nothing that is set where the tests run is filled in.
  const { status, stdout, stderr } = spawnSync(program as string, args, {
    encoding: 'utf8',
    env: { HOME: folder },
  })
  return [status, stdout + stderr]
}

/** A file of the repository with one change, elsewhere. */
function changed(name: string, right: string | RegExp, wrong: string): string {
  const text = readFileSync(join(ROOT, name), 'utf8')
  const broken = text.replace(right, wrong)
  expect(broken).not.toBe(text)
  const file = join(folder, 'changed')
  writeFileSync(file, broken)
  return file
}

describe.skipIf(typeof compose !== 'string')('Compose', () => {
  const main = join(ROOT, 'docker-compose.yml')

  test('reads docker-compose.yml with what the set-up writes, every profile, and no variable that nothing gives a value', () => {
    expect(says(compose, [settings, main])).toEqual([0, '30 services\n'])
  })

  test('reads it with docker-compose.dev.yml above it', () => {
    expect(says(compose, [settings, main, join(ROOT, 'docker-compose.dev.yml')])).toEqual([
      0,
      '31 services\n',
    ])
  })

  test('refuses it before the set-up was run, and says so', () => {
    const [status, text] = says(compose, [nothingSet, main])
    expect([status, text]).toEqual([1, expect.stringContaining('run ./setup_production.sh first')])
  })

  test.for([
    ['a misspelt key', 'read_only:', 'read_onIy:', /read_onIy/],
    ['a value of another type', 'pids: 128', 'pids: many', /pids|many/],
    ['a network that is not declared', 'networks: [postgres]', 'networks: [postgre]', /postgre\b/],
    [
      'a secret that is not declared',
      'source: postgres-password',
      'source: postgres-passwort',
      /postgres-passwort/,
    ],
    [
      'what waits for a service that is not there',
      'prepare: { condition',
      'prepared: { condition',
      /prepared/,
    ],
    [
      'a variable that nothing gives a value',
      '${SMTP_FROM_NAME:-MCPShield}',
      '${SMTP_FROM_NAM}',
      /SMTP_FROM_NAM/,
    ],
  ] as const)('refuses %s', ([_, right, wrong, why]) => {
    const [status, text] = says(compose, [settings, changed('docker-compose.yml', right, wrong)])
    expect(status).toBe(1)
    expect(text).toMatch(why)
  })
})

describe.skipIf(typeof dockerfile !== 'string')('BuildKit', () => {
  test.for([
    ['service.Dockerfile', ['FOLDER=services/auth']],
    ['web.Dockerfile', []],
  ] as const)('has nothing to say about %s', ([name, args]) => {
    expect(says(dockerfile, [join(ROOT, 'infra/docker', name), ...args])).toEqual([0, ''])
  })

  test.for([
    ['an unknown instruction', 'USER ', 'USR ', /unknown instruction/],
    ['a stage that is not there', '--from=install /out', '--from=instal /out', /instal\b/],
    [
      'an argument that nothing declares',
      'WORKDIR /app/${FOLDER}',
      'WORKDIR /app/${FOLDERS}',
      /UndefinedVar/,
    ],
    [
      'a secret in the environment',
      'ENV METRICS_PORT=9464',
      'ENV API_PASSWORD=9464',
      /SecretsUsedInArgOrEnv/,
    ],
    ['a command that a shell would run', 'ENTRYPOINT ["node"]', 'ENTRYPOINT node', /JSONArgsRecommended/],
  ] as const)('complains of %s', ([_, right, wrong, why]) => {
    const file = changed('infra/docker/service.Dockerfile', right, wrong)
    const [status, text] = says(dockerfile, [file, 'FOLDER=services/auth'])
    expect(status).toBe(1)
    expect(text).toMatch(why)
  })
})
