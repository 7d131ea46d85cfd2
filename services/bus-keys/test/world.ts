// The service on a real NATS server, asked as siem asks it; and clients that hold what it signs.
import { randomBytes, randomUUID } from 'node:crypto'
import { connect as connectNats, credsAuthenticator, type NatsConnection } from 'nats'
import type { Bus } from '@mcpshield/bus/connect'
import { credsText, newUserKey, siemConnection } from '@mcpshield/bus/siem-accounts'
import { connectSiemWriter, type SiemWriter } from '@mcpshield/bus/siem-writer'
import { busKeys } from '@mcpshield/contracts/bus-keys'
import type { flow } from '@mcpshield/contracts/flow'
import { createLog } from '@mcpshield/runtime/log'
import { silent, startTestBus, type TestBus } from '@mcpshield/testkit/bus'
import { Config } from '../src/config.ts'
import { start } from '../src/start.ts'

export const log = createLog('bus-keys', { level: process.env.TEST_LOG_LEVEL ?? 'silent' })

/** One credential: an open account with its stream and consumer, and what its holder was given. */
export type Credential = {
  id: string
  orgId: string
  creds: string
  place: ReturnType<typeof siemConnection>
  writer: SiemWriter
}

export type World = AsyncDisposable & {
  nats: TestBus
  siem: Bus<(typeof flow)['siem']>
  /** A credential of a new organisation. */
  credential(options?: { orgId?: string; expiresAt?: Date }): Promise<Credential>
  /** Connects as its holder. */
  reader(credential: Pick<Credential, 'creds' | 'place'>): Promise<NatsConnection>
  writer(credentialId: string): Promise<SiemWriter>
  /** Ends the service and starts it anew. */
  restart(): Promise<void>
}

export async function startWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const nats = stack.use(await startTestBus(silent))
  const config = Config.parse({
    NATS_URL: nats.url,
    NATS_CREDS: nats.creds('bus-keys'),
    NATS_SYSTEM_CREDS: nats.creds('bus-keys-system'),
    NATS_OPERATOR_SEED: nats.seeds.operatorSigning,
    SIEM_ACCOUNTS_KEY: randomBytes(32).toString('hex'),
  })
  let service = await start(config, log)
  stack.defer(() => service[Symbol.asyncDispose]())
  const siem = stack.use(await nats.connect('siem'))
  const writer = async (credentialId: string) => {
    const sign = async (user_key: string) =>
      (await siem.call(busKeys.rpc.signWriter, { credential_id: credentialId, user_key })).jwt
    return connectSiemWriter({ url: nats.url, credentialId, sign })
  }
  const open: AsyncDisposable[] = []
  stack.defer(async () => void (await Promise.all(open.map((each) => each[Symbol.asyncDispose]()))))
  const kept = stack.move()
  return {
    nats,
    siem,
    writer,
    async credential({ orgId = randomUUID(), expiresAt } = {}) {
      const id = randomUUID()
      await siem.call(busKeys.rpc.setAccount, { credential_id: id, state: 'open' })
      const own = await writer(id)
      open.push(own)
      await own.prepare()
      const user = newUserKey()
      const { jwt } = await siem.call(busKeys.rpc.signReader, {
        credential_id: id,
        org_id: orgId,
        user_key: user.getPublicKey(),
        expires_at: expiresAt?.toISOString() ?? null,
      })
      return {
        id,
        orgId,
        creds: credsText(jwt, user),
        place: siemConnection(nats.url, orgId, id),
        writer: own,
      }
    },
    async reader({ creds, place }) {
      const connection = await connectNats({
        servers: nats.url,
        authenticator: credsAuthenticator(new TextEncoder().encode(creds)),
        inboxPrefix: place.inbox_prefix,
        reconnect: false,
      })
      open.push({ [Symbol.asyncDispose]: () => connection.close() })
      return connection
    },
    async restart() {
      await service[Symbol.asyncDispose]()
      service = await start(config, log)
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
