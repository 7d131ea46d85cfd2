// One-shot process: brings ClickHouse up to date. Safe to run again, and beside another.
import { readConfig } from '@mcpshield/runtime/config'
import { createLog } from '@mcpshield/runtime/log'
import { connectClickhouse } from './clickhouse.ts'
import { MigrateConfig } from './config.ts'
import { applyTables } from './tables.ts'

const log = createLog('ingest-migrate')
try {
  await using store = connectClickhouse(readConfig(MigrateConfig, process.env).CLICKHOUSE_URL)
  log.info({ applied: await applyTables(store) }, 'ClickHouse is up to date')
} catch (error) {
  log.fatal({ err: error }, 'cannot migrate')
  process.exitCode = 1
}
