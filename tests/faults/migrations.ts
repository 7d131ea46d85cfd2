// Migrations that are killed again and again: each goes on where the one before it ended, and what comes of it is what comes
// of one that nobody disturbed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createRoles } from '@mcpshield/infra/postgres/roles.ts'
import { schemaText } from '@mcpshield/infra/postgres/schema-text.ts'
import type { FaultWorld } from './world.ts'

const ROOT = join(import.meta.dirname, '../..')
const SERVICES = ['auth', 'projects', 'billing', 'mailer'] as const
const FIRST_LIFE_MS = 250
const LONGER_BY_MS = 40
const MAX_LIVES = 200

/** Throws when a migration does not come to its end, or to another one. Returns how many were killed. */
export async function migrateUnderKills({ product }: FaultWorld): Promise<number> {
  const { databaseUrl } = product.stack.backing
  const secrets = join(dirname(product.logsDir), 'secrets')
  const passwords = Object.fromEntries(
    SERVICES.map((name) => [name, readFileSync(join(secrets, `postgres-${name}`), 'utf8')]),
  )
  const database = `faults_${Date.now()}`
  await createRoles(databaseUrl, passwords, database)
  let kills = 0
  for (const service of SERVICES) {
    const url = roleUrl(databaseUrl, service, passwords[service] ?? '', database)
    kills += await untilMigrated(service, url)
    // Once more: nothing is left to do, and nothing is done twice.
    if ((await migrate(service, url, Infinity)) !== 0) throw new Error(`${service} cannot be migrated again`)
  }
  const made = await schemaText(databaseUrl, database, SERVICES)
  if (made !== (await schemaText(databaseUrl, 'mcpshield', SERVICES)))
    throw new Error('the schema after killed migrations is another')
  return kills
}

async function untilMigrated(service: string, url: string): Promise<number> {
  for (let life = 0; life < MAX_LIVES; life++) {
    if ((await migrate(service, url, FIRST_LIFE_MS + life * LONGER_BY_MS)) === 0) return life
  }
  throw new Error(`the migrations of ${service} never came to an end`)
}

/** The exit code; null when it was killed. */
async function migrate(service: string, url: string, lifeMs: number): Promise<number | null> {
  const child = spawn(process.execPath, [join(ROOT, 'services', service, 'src/migrate.ts')], {
    env: { DATABASE_URL: url },
    cwd: ROOT,
    stdio: 'ignore',
  })
  const timer = lifeMs === Infinity ? undefined : setTimeout(() => child.kill('SIGKILL'), lifeMs)
  const [code] = (await once(child, 'exit')) as [number | null]
  clearTimeout(timer)
  return code
}

function roleUrl(adminUrl: string, role: string, password: string, database: string): string {
  const url = new URL(adminUrl)
  url.username = role
  url.password = password
  url.pathname = `/${database}`
  return url.href
}
