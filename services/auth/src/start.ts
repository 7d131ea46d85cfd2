// The map of the service: what it connects to, serves and tells.
import { connectBus } from '@mcpshield/bus/connect'
import { auth } from '@mcpshield/contracts/auth'
import { flow } from '@mcpshield/contracts/flow'
import { connectDb } from '@mcpshield/db/connect'
import { relayOutbox, type Relay } from '@mcpshield/db/outbox'
import { masterSealer } from '@mcpshield/db/seal'
import type { Log } from '@mcpshield/runtime/log'
import type { Config } from './config.ts'
import { database } from './entities.ts'
import { passwords } from './passwords.ts'
import { connectRedis } from './redis.ts'
import { authService } from './service.ts'
import { keyStore, refreshTokenStore, userStore } from './store.ts'
import { accessTokens } from './tokens.ts'

export async function start(config: Config, log: Log): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const db = stack.use(await connectDb(database(config.DATABASE_URL)))
  const redis = stack.use(connectRedis(config.REDIS_URL, log))
  const bus = stack.use(
    await connectBus({ url: config.NATS_URL, creds: config.NATS_CREDS, name: 'auth', log }, flow.auth),
  )
  const relay: Relay = stack.use(
    relayOutbox(
      db,
      'auth',
      {
        userRegistered: ({ payload, messageId }) =>
          bus.publish(auth.evt.userRegistered, auth.evt.userRegistered.payload.parse(payload), messageId),
      },
      log,
    ),
  )
  const sealer = masterSealer(config.MASTER_KEY, config.MASTER_KEY_PREVIOUS)
  const service = authService({
    users: userStore(db, () => relay.wake()),
    refreshTokens: refreshTokenStore(db),
    sessions: redis.sessions,
    loginLimit: redis.loginLimit(
      config.LOGIN_RATE_LIMIT_ATTEMPTS,
      config.LOGIN_RATE_LIMIT_WINDOW_MINUTES * 60_000,
    ),
    passwords: await passwords(),
    tokens: await accessTokens(keyStore(db), sealer, config.JWT_ACCESS_TOKEN_EXPIRE_MINUTES),
    rememberedDays: config.JWT_REFRESH_TOKEN_EXPIRE_DAYS,
    now: () => new Date(),
    checks: { postgres: () => db.ping(), redis: () => redis.ping(), nats: () => bus.ping() },
  })
  await bus.serve('auth', auth.rpc, service)
  return stack.move()
}
