// The map of the service: the bus, where siem asks; and the servers' system account, where accounts are told.
import { connectBus } from '@mcpshield/bus/connect'
import { connectResolver, type Resolver } from '@mcpshield/bus/resolver'
import { operatorKey } from '@mcpshield/bus/siem-accounts'
import { busKeys } from '@mcpshield/contracts/bus-keys'
import { flow } from '@mcpshield/contracts/flow'
import { StartError } from '@mcpshield/runtime/config'
import type { Log } from '@mcpshield/runtime/log'
import { telemetry } from '@mcpshield/runtime/telemetry'
import type { Config } from './config.ts'
import { busKeysService, type Keys } from './service.ts'

export async function start(config: Config, log: Log): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const options = { url: config.NATS_URL, creds: config.NATS_CREDS, name: 'bus-keys', log, telemetry }
  const keys = keysOf(config)
  if (keys === undefined) log.warn({}, 'there are no keys: SIEM credentials cannot be made')
  const resolver = keys === undefined ? undefined : stack.use(await resolverOf(config, log))
  const bus = stack.use(await connectBus(options, flow['bus-keys']))
  const service = busKeysService({
    ...(keys === undefined || resolver === undefined ? {} : { signing: { ...keys, resolver } }),
    now: () => new Date(),
    checks: {
      nats: () => bus.ping(),
      ...(resolver === undefined ? {} : { accounts: () => resolver.ping() }),
    },
  })
  await bus.serve('bus-keys', busKeys.rpc, service)
  return stack.move()
}

/** All that is needed to sign, or nothing: a part of it is a mistake. */
function keysOf({ NATS_SYSTEM_CREDS, NATS_OPERATOR_SEED, SIEM_ACCOUNTS_KEY }: Config): Keys | undefined {
  const given = { NATS_SYSTEM_CREDS, NATS_OPERATOR_SEED, SIEM_ACCOUNTS_KEY }
  const missing = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [name] : []))
  if (missing.length === Object.keys(given).length) return undefined
  if (NATS_OPERATOR_SEED === undefined || SIEM_ACCOUNTS_KEY === undefined || missing.length > 0)
    throw new StartError(`SIEM credentials need ${missing.join(' and ')} too, or none of the three.`)
  try {
    return { operator: operatorKey(NATS_OPERATOR_SEED), accounts: Buffer.from(SIEM_ACCOUNTS_KEY, 'hex') }
  } catch {
    // The cause is not told: it could repeat what was given.
    throw new StartError(
      'NATS_OPERATOR_SEED is not the seed of an operator’s signing key (it begins with SO).',
    )
  }
}

function resolverOf(config: Config, log: Log): Promise<Resolver> {
  const url = config.SIEM_NATS_URL ?? config.NATS_URL
  return connectResolver({ url, creds: config.NATS_SYSTEM_CREDS ?? '', log })
}
