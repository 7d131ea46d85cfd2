// Backs up every store and the secrets into a new folder. The services may run meanwhile.
//
// The order is what makes the copies fit: PostgreSQL first, in one transaction; then the streams; then the record. What a
// service has told the bus after the first moment is still in its outbox in the copy and is told again, and what `ingest`
// has read from the streams after the second is still in the streams of the copy and is read again. Both are met with
// the same ids, so that nothing is there twice; in any other order something would be in neither.
import { parseArgs } from 'node:util'
import manifest from '../package.json' with { type: 'json' }
import { readConfig } from '@mcpshield/runtime/config'
import { SetupError } from '../dev/setup-error.ts'
import { StoresConfig } from './config.ts'
import { beginBackup } from './copies/backup-folder.ts'
import { backUpRecord } from './copies/clickhouse.ts'
import { backUpBus } from './copies/nats.ts'
import { backUpPostgres } from './copies/postgres.ts'
import { backUpKeys } from './copies/redis.ts'
import { localStores } from './local-stores.ts'

const HELP = `Backs up PostgreSQL, the streams of NATS, ClickHouse, Redis and the secrets into a new folder.

  node infra/production/backup.ts --to FOLDER [--local DATA_FOLDER] [--without-secrets]

  --to FOLDER          the backup is a new folder in it, named by the time
  --local DATA_FOLDER  of an installation of \`npm start\`, running or not: .mcpshield
  --without-secrets    where somebody else keeps them; without them sealed data cannot be opened

Without --local the stores are those of the environment: DATABASE_ADMIN_URL, NATS_URL, NATS_CREDS, CLICKHOUSE_URL,
REDIS_ADMIN_URL, SECRETS_DIR (each also as NAME_FILE).

  docker compose run --rm backup
  node infra/production/backup.ts --local .mcpshield --to ~/backups
  tar -C ~/backups -c 2026-11-27T220000Z | age -r age1… > mcpshield.tar.age     # it holds secrets: encrypt what leaves
`

/** Returns the folder of the backup. */
export async function backUp(
  config: StoresConfig,
  into: string,
  progress: (line: string) => void,
): Promise<string> {
  const at = new Date()
  using backup = beginBackup(into, at)
  const migrations = await backUpPostgres(backup, { url: config.DATABASE_ADMIN_URL, progress })
  await backUpKeys(backup, { url: config.REDIS_ADMIN_URL, progress })
  const bus = { url: config.NATS_URL, creds: config.NATS_CREDS, progress }
  const streams = await backUpBus(backup, bus)
  await backUpRecord(backup, { url: config.CLICKHOUSE_URL, progress })
  if (config.SECRETS_DIR !== undefined) backup.copySecrets(config.SECRETS_DIR)
  return backup.finish({ version: manifest.version, created_at: at.toISOString(), migrations, streams })
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      to: { type: 'string' },
      local: { type: 'string' },
      'without-secrets': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help || values.to === undefined) {
    console.log(HELP)
    process.exitCode = values.help ? 0 : 2
    return
  }
  const progress = (line: string) => console.error(line)
  await using stores =
    values.local === undefined
      ? { config: readConfig(StoresConfig, process.env), async [Symbol.asyncDispose]() {} }
      : await localStores({ folder: values.local, env: process.env, progress })
  const { SECRETS_DIR, ...urls } = stores.config
  const config = values['without-secrets'] || SECRETS_DIR === undefined ? urls : { ...urls, SECRETS_DIR }
  console.log(await backUp(config, values.to, progress))
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    console.error(error instanceof SetupError ? error.message : error)
    process.exitCode = 1
  })
}
