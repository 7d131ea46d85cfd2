// The projects service on real stores, with one connection of each program that talks to it.
import { randomBytes, randomUUID } from 'node:crypto'
import type { Bus } from '@mcpshield/bus/connect'
import { auth } from '@mcpshield/contracts/auth'
import type { Caller, Role } from '@mcpshield/contracts/caller'
import type { Input, Output, RpcDef } from '@mcpshield/contracts/define'
import type { flow } from '@mcpshield/contracts/flow'
import { projects } from '@mcpshield/contracts/projects'
import { migrateDb } from '@mcpshield/db/connect'
import { createLog } from '@mcpshield/runtime/log'
import { startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import type { Fresh } from '@mcpshield/testkit/fresh'
import { freshSchema } from '@mcpshield/testkit/schema'
import { Config } from '../src/config.ts'
import { database } from '../src/entities.ts'
import { start } from '../src/start.ts'

type BusOf<N extends keyof typeof flow> = Bus<(typeof flow)[N]>

export type World = AsyncDisposable & {
  nats: TestBus
  schema: Fresh
  config: Config
  rest: BusOf<'rest-gateway'>
  mcp: BusOf<'mcp-gateway'>
  /** Registers a person, and is told when their organisation is there. */
  owner(): Promise<User>
}

export type User = {
  caller: Extract<Caller, { kind: 'user' }>
  as(role: Role): User
  call<D extends RpcDef>(def: D, input: Input<D>): Promise<Output<D>>
}

export const log = createLog('projects', { level: process.env.TEST_LOG_LEVEL ?? 'fatal' })

export async function startWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const nats = stack.use(await startTestBus())
  const schema = stack.use(await freshSchema('projects'))
  await migrateDb(database(schema.url))
  const config = Config.parse({
    NATS_URL: nats.url,
    NATS_CREDS: nats.creds('projects'),
    DATABASE_URL: schema.url,
    MASTER_KEY: randomBytes(32).toString('hex'),
  })
  stack.use(await start(config, log))
  const rest = stack.use(await nats.connect('rest-gateway'))
  const mcp = stack.use(await nats.connect('mcp-gateway'))
  const registry = stack.use(await nats.connect('auth'))

  const userOf = (caller: User['caller']): User => ({
    caller,
    as: (role) => userOf({ ...caller, role }),
    call: (def, input) => rest.call(def as never, input as never, { caller }),
  })
  const kept = stack.move()
  return {
    nats,
    schema,
    config,
    rest,
    mcp,
    async owner() {
      const user_id = randomUUID()
      await registry.publish(
        auth.evt.userRegistered,
        { user_id, email: `${user_id}@example.com`, first_name: 'Ada' },
        randomUUID(),
      )
      for (;;) {
        const membership = await rest.call(projects.rpc.getMembership, { user_id }).catch(() => undefined)
        if (membership !== undefined)
          return userOf({ kind: 'user', user_id, ...membership, session_id: randomUUID() })
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
