// One-shot process: brings the schema up to date. Safe to run again.
import { migrateDb } from '@mcpshield/db/connect'
import { readConfig } from '@mcpshield/runtime/config'
import { createLog } from '@mcpshield/runtime/log'
import { MigrateConfig } from './config.ts'
import { database } from './entities.ts'

const log = createLog('siem-migrate')
try {
  const { DATABASE_URL } = readConfig(MigrateConfig, process.env)
  log.info({ applied: await migrateDb(database(DATABASE_URL)) }, 'the schema is up to date')
} catch (error) {
  log.fatal({ err: error }, 'cannot migrate')
  process.exitCode = 1
}
