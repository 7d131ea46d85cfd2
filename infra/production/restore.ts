// Puts a backup in the place of what an installation holds. Its services are stopped, its stores run, and its tables are
// those of the version that made the backup.
import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readConfig } from '@mcpshield/runtime/config'
import { openDataDir } from '../dev/data-dir.ts'
import { migrateService, type LocalService } from '../dev/services.ts'
import { SetupError } from '../dev/setup-error.ts'
import { createRoles } from '../postgres/roles.ts'
import { StoresConfig } from './config.ts'
import { checkBackup, secretsOf, type Manifest } from './copies/backup-folder.ts'
import { restoreRecord } from './copies/clickhouse.ts'
import { restoreBus } from './copies/nats.ts'
import { restorePostgres } from './copies/postgres.ts'
import { restoreKeys } from './copies/redis.ts'
import { startedStores } from './local-stores.ts'

const HELP = `Restores a backup: what the stores hold is replaced.

  node infra/production/restore.ts [--check] [--local DATA_FOLDER] BACKUP

  --check              only reads the backup and compares every file with its sum
  --local DATA_FOLDER  into an installation of \`npm start\` that does not exist yet, secrets included

Without --local the stores are those of the environment, as for the backup; their tables are there (prepare and migrate),
the secrets are put back by hand before, and the services are stopped. Afterwards start the services: they tell the
gateways what is in force, and the NATS server which SIEM credentials are good.

  docker compose run --rm restore /backups/2026-11-27T220000Z
  node infra/production/restore.ts --local /srv/mcpshield ~/backups/2026-11-27T220000Z
`

const RESTORED = `restored
What was revoked after the backup was made (keys, SIEM credentials, memberships) is not revoked in it: revoke it again.`

export type Progress = (line: string) => void

/** Into stores that are there. */
export async function restore(config: StoresConfig, folder: string, progress: Progress): Promise<Manifest> {
  const manifest = await checkBackup(folder)
  // First what can refuse; nothing was changed then.
  await restorePostgres(folder, manifest, { url: config.DATABASE_ADMIN_URL, progress })
  await restoreKeys(folder, { url: config.REDIS_ADMIN_URL, progress })
  await restoreBus(folder, manifest, { url: config.NATS_URL, creds: config.NATS_CREDS, progress })
  await restoreRecord(folder, manifest, { url: config.CLICKHOUSE_URL, progress })
  return manifest
}

/** Into a new installation of `npm start`, with the secrets of the old one. */
export async function restoreLocal(
  dataFolder: string,
  folder: string,
  { env, progress }: { env: NodeJS.ProcessEnv; progress: Progress },
): Promise<Manifest> {
  const manifest = await checkBackup(folder)
  if (existsSync(join(dataFolder, 'secrets')))
    throw new SetupError(
      `${dataFolder} holds an installation already. Name a folder that does not exist yet.`,
    )
  if (!manifest.has_secrets)
    throw new SetupError('The backup has no secrets: what is sealed in it could not be opened.')
  openDataDir(dataFolder)[Symbol.dispose]()
  cpSync(secretsOf(folder), join(dataFolder, 'secrets'), { recursive: true })
  await using stores = await startedStores({ folder: dataFolder, env, progress })
  const services = Object.keys(manifest.migrations) as LocalService[]
  await makeTables(stores.config, services, (name) => stores.dataDir.secret(`postgres-${name}`))
  // Awaited: the stores run until it is done.
  return await restore(stores.config, folder, progress)
}

/** As `npm start` makes them, with the passwords of its secrets: for the services that the backup has. */
async function makeTables(
  config: StoresConfig,
  services: LocalService[],
  passwordOf: (service: string) => string,
): Promise<void> {
  const roles = Object.fromEntries(services.map((name) => [name, passwordOf(name)]))
  await createRoles(config.DATABASE_ADMIN_URL, roles)
  const databaseUrl = (name: string) => {
    const url = new URL(config.DATABASE_ADMIN_URL)
    url.username = name
    url.password = passwordOf(name)
    url.pathname = '/mcpshield'
    return url.href
  }
  await Promise.all([
    ...services.map((name) => migrateService(name, { DATABASE_URL: databaseUrl(name) })),
    migrateService('ingest', { CLICKHOUSE_URL: config.CLICKHOUSE_URL }),
  ])
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      local: { type: 'string' },
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const [folder] = positionals
  if (values.help || folder === undefined) {
    console.log(HELP)
    process.exitCode = values.help ? 0 : 2
    return
  }
  const progress = (line: string) => console.error(line)
  const env = process.env
  if (values.check) await checkBackup(folder)
  else if (values.local !== undefined) await restoreLocal(values.local, folder, { env, progress })
  else await restore(readConfig(StoresConfig, env), folder, progress)
  console.log(values.check ? 'the backup is whole' : RESTORED)
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    console.error(error instanceof SetupError ? error.message : error)
    process.exitCode = 1
  })
}
