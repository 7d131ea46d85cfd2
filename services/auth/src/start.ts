// The map of the service: what it connects to, serves, asks and tells.
import { connectBus, type Bus } from '@mcpshield/bus/connect'
import { auth } from '@mcpshield/contracts/auth'
import { AppError } from '@mcpshield/contracts/errors'
import { flow } from '@mcpshield/contracts/flow'
import { projects } from '@mcpshield/contracts/projects'
import { connectDb } from '@mcpshield/db/connect'
import { relayOutbox, type Relay } from '@mcpshield/db/outbox'
import { outboxDepth } from '@mcpshield/db/outbox-depth'
import { masterSealer } from '@mcpshield/db/seal'
import type { Log } from '@mcpshield/runtime/log'
import { metrics } from '@mcpshield/runtime/metrics'
import { outboxGauges } from '@mcpshield/runtime/gauges'
import { telemetry } from '@mcpshield/runtime/telemetry'
import { mailedCodes } from './codes.ts'
import type { Config } from './config.ts'
import { credentialStore } from './credential-store.ts'
import { deliverers } from './deliver.ts'
import { database } from './entities.ts'
import { keyStore } from './key-store.ts'
import { limitOf } from './limits.ts'
import { openCodes, resetTokens } from './open-codes.ts'
import { openSessions } from './open-sessions.ts'
import { passwords } from './passwords.ts'
import { peopleStore } from './people-store.ts'
import { connectRedis, type RedisConnection } from './redis.ts'
import { resealSecrets } from './second-factor.ts'
import { secondFactorStore } from './second-factor-store.ts'
import { authService } from './service.ts'
import { refreshTokenStore } from './session-store.ts'
import { sweep } from './sweep.ts'
import { every } from './timer.ts'
import { accessTokens } from './tokens.ts'

/** How often keys are looked at: much more often than a key is published ahead. */
const KEYS_EVERY_MS = 60_000
const SWEEP_EVERY_MS = 3_600_000

/** `now` is the clock of everything but Redis' and the bus' own. */
export async function start(
  config: Config,
  log: Log,
  now: () => Date = () => new Date(),
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const db = stack.use(await connectDb(database(config.DATABASE_URL)))
  const redis = stack.use(connectRedis(config.REDIS_URL, log))
  const bus = stack.use(
    await connectBus(
      { url: config.NATS_URL, creds: config.NATS_CREDS, name: 'auth', log, telemetry },
      flow.auth,
    ),
  )
  stack.use(outboxGauges(metrics, 'auth', () => outboxDepth(db)))
  const wake = () => relay.wake()
  const people = peopleStore(db, wake)
  const secondFactors = secondFactorStore(db, wake)
  const sessions = openSessions(redis)
  const coded = {
    codes: mailedCodes(config.MASTER_KEY, config.OTP_LENGTH),
    openCodes: openCodes(redis, config.OTP_MAX_ATTEMPTS),
    codeMinutes: config.OTP_EXPIRE_MINUTES,
  }
  const relay: Relay = stack.use(
    relayOutbox(db, 'auth', deliverers(bus, { people, sessions, now, ...coded }), log),
  )
  const sealer = masterSealer(config.MASTER_KEY, config.MASTER_KEY_PREVIOUS)
  const keyOptions = {
    lifeMinutes: config.JWT_ACCESS_TOKEN_EXPIRE_MINUTES,
    keyDays: config.JWT_SIGNING_KEY_DAYS,
  }
  const tokens = await accessTokens(keyStore(db), sealer, keyOptions, now())
  await resealSecrets({ secondFactors, sealer })
  stack.use(every(KEYS_EVERY_MS, () => tokens.refreshKeys(now()), log))
  stack.use(every(SWEEP_EVERY_MS, () => sweep(db, now()), log))
  const service = authService({
    ...{ people, secondFactors, sessions, sealer, tokens, now, ...coded, ...limits(redis, config) },
    credentials: credentialStore(db, wake),
    refreshTokens: refreshTokenStore(db, wake),
    resetTokens: resetTokens(redis),
    passwords: await passwords(),
    rememberedDays: config.JWT_REFRESH_TOKEN_EXPIRE_DAYS,
    neededBy: (userId, requestId) => neededBy(bus, userId, requestId),
    checks: { postgres: () => db.ping(), redis: () => redis.ping(), nats: () => bus.ping() },
  })
  await bus.serve('auth', auth.rpc, service)
  return stack.move()
}

const WRONG_TRIES = { attempts: 5, windowMs: 15 * 60_000 }

function limits(redis: RedisConnection, config: Config) {
  const codes = {
    attempts: config.OTP_RATE_LIMIT_REQUESTS,
    windowMs: config.OTP_RATE_LIMIT_WINDOW_MINUTES * 60_000,
  }
  return {
    loginLimit: limitOf(redis, 'login', {
      attempts: config.LOGIN_RATE_LIMIT_ATTEMPTS,
      windowMs: config.LOGIN_RATE_LIMIT_WINDOW_MINUTES * 60_000,
    }),
    codeLimit: limitOf(redis, 'codes-asked', codes),
    registrationLimit: limitOf(redis, 'registrations', codes),
    reauthLimit: limitOf(redis, 'reauth', WRONG_TRIES),
    mfaLimit: limitOf(redis, 'mfa', WRONG_TRIES),
  }
}

async function neededBy(bus: Bus<typeof flow.auth>, user_id: string, requestId: string): Promise<string[]> {
  try {
    return (await bus.call(projects.rpc.checkDeparture, { user_id }, { requestId })).needed_by
  } catch (cause) {
    const message = 'Whether your organisations need you cannot be checked right now; nothing was deleted.'
    throw new AppError('UNAVAILABLE', message, { cause, retry_after_ms: 1_000 })
  }
}
