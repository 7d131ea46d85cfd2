// One-shot job, before any migration: roles and schemas in PostgreSQL, streams and buckets on the bus. Harmless when there
// is nothing to do.
import { connect as connectNats, credsAuthenticator } from 'nats'
import { inboxPrefix } from '@mcpshield/bus/permissions'
import { provision } from '@mcpshield/bus/provision'
import { readConfig } from '@mcpshield/runtime/config'
import { createLog } from '@mcpshield/runtime/log'
import { createRoles } from '../postgres/roles.ts'
import { PrepareConfig } from './config.ts'

/** A server that has just been started, or is being restarted, is waited for. */
const CONNECT_WITHIN_MS = 60_000

const log = createLog('prepare')
try {
  const config = readConfig(PrepareConfig, process.env)
  await createRoles(config.DATABASE_ADMIN_URL, config.POSTGRES_ROLES)
  log.info({ roles: Object.keys(config.POSTGRES_ROLES) }, 'roles and schemas are there')
  const connection = await connectNats({
    servers: config.NATS_URL,
    authenticator: credsAuthenticator(new TextEncoder().encode(`${config.NATS_CREDS.trim()}\n`)),
    inboxPrefix: inboxPrefix('provision'),
    waitOnFirstConnect: true,
    timeout: CONNECT_WITHIN_MS,
  })
  try {
    await provision(connection, { replicas: config.NATS_REPLICAS })
    log.info({ replicas: config.NATS_REPLICAS }, 'streams and buckets are there')
  } finally {
    await connection.close()
  }
} catch (error) {
  log.fatal({ err: error }, 'cannot prepare')
  process.exitCode = 1
}
