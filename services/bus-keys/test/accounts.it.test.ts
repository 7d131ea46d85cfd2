// Accounts as they come and go: what is revoked stays revoked, whatever is restarted or asked for later.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectNats, credsAuthenticator } from 'nats'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newUserKey } from '@mcpshield/bus/siem-accounts'
import { busKeys } from '@mcpshield/contracts/bus-keys'
import { startTestBus } from '@mcpshield/testkit/bus'
import { Config } from '../src/config.ts'
import { start } from '../src/start.ts'
import { log, startWorld, type Credential, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

/** The server says why, and is gone: a client may not get to read it. */
const REFUSED = /maximum|authorization|revoked|expired|EPIPE|ECONNRESET|closed/i

type State = 'open' | 'resting' | 'revoked' | 'closed'
const set = (credential_id: string, state: State) =>
  world.siem.call(busKeys.rpc.setAccount, { credential_id, state })

async function restartServer(): Promise<void> {
  const before = world.nats.pid()
  process.kill(before ?? 0, 'SIGKILL')
  await expect.poll(() => world.nats.pid()).not.toBe(before)
  const asked = { credential_id: randomUUID(), user_key: newUserKey().getPublicKey() }
  const isBack = () => world.siem.call(busKeys.rpc.signWriter, asked).then(Boolean, () => false)
  await expect.poll(isBack, { timeout: 20_000 }).toBe(true)
}

async function cut(credential: Credential, change: () => Promise<unknown>): Promise<number> {
  const reader = await world.reader(credential)
  const ended = reader.closed()
  const startedMs = performance.now()
  await change()
  await ended
  return performance.now() - startedMs
}

describe('a credential that is revoked', () => {
  let credential: Credential
  beforeAll(async () => {
    credential = await world.credential()
  })

  test('is cut within seconds, and refused from then on', async () => {
    expect(await cut(credential, () => set(credential.id, 'revoked'))).toBeLessThan(5_000)
    await expect(world.reader(credential)).rejects.toThrow(REFUSED)
  })

  test('is refused after the server and bus-keys were restarted', async () => {
    await restartServer()
    await world.restart()
    await expect(world.reader(credential)).rejects.toThrow(REFUSED)
    // Others are let in again: it is not that nobody is.
    const another = await world.credential()
    await (await world.reader(another)).close()
  })

  test('is never opened again, nor rests', async () => {
    for (const state of ['open', 'resting'] as const)
      await expect(set(credential.id, state)).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(world.reader(credential)).rejects.toThrow(REFUSED)
  })

  test('is emptied by a writer that was signed later, and closed', async () => {
    // JWTs tell time in seconds: one of the same second counts as given before.
    await sleep(1_100)
    {
      await using writer = await world.writer(credential.id)
      await writer.clear()
    }
    await set(credential.id, 'closed')
    await expect(world.writer(credential.id)).rejects.toThrow()
    await expect(set(credential.id, 'revoked')).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(set(credential.id, 'closed')).resolves.toEqual({})
  })
})

test('a credential that rests is cut and refused, and is let in again with what it had not read', async () => {
  const credential = await world.credential()
  const waiting = { subject: `audit.${credential.orgId}._.allow`, id: randomUUID(), bytes: Buffer.from('[]') }
  await credential.writer.write([waiting])
  expect(await cut(credential, () => set(credential.id, 'resting'))).toBeLessThan(5_000)
  await expect(world.reader(credential)).rejects.toThrow(REFUSED)
  await restartServer()
  await expect(world.reader(credential)).rejects.toThrow(REFUSED)
  await set(credential.id, 'open')
  await (await world.reader(credential)).close()
  await using writer = await world.writer(credential.id)
  expect((await writer.backlog()).unread).toBe(1)
})

test('a credential that rested takes events again, without a restart of anything', async () => {
  const credential = await world.credential()
  await set(credential.id, 'resting')
  await set(credential.id, 'open')
  await using writer = await world.writer(credential.id)
  const subject = `audit.${credential.orgId}._.allow`
  await writer.write([{ subject, id: randomUUID(), bytes: Buffer.from('[]') }])
  expect((await writer.backlog()).unread).toBe(1)
})

test('a credential that expires is cut at that time, and refused from then on', async () => {
  const credential = await world.credential({ expiresAt: new Date(Date.now() + 2_500) })
  const reader = await world.reader(credential)
  const startedMs = performance.now()
  await reader.closed()
  expect(performance.now() - startedMs).toBeLessThan(4_000)
  // Within that second it may be let in once more, to be cut at once: JWTs tell time in seconds.
  await sleep(1_000)
  await expect(world.reader(credential)).rejects.toThrow(REFUSED)
})

test('a JWT of one credential does not open another’s account, with whatever key it is presented', async () => {
  const [one, other] = [await world.credential(), await world.credential()]
  const jwtOf = (creds: string) => /-----BEGIN NATS USER JWT-----\n(\S+)/.exec(creds)?.[1] ?? ''
  const mixed = other.creds.replace(jwtOf(other.creds), jwtOf(one.creds))
  await expect(world.reader({ creds: mixed, place: one.place })).rejects.toThrow(/authorization/i)
})

describe('what bus-keys may do itself', () => {
  test('its user of the system account tells and asks of accounts, and sees nothing else there', async () => {
    const connection = await connectNats({
      servers: world.nats.url,
      authenticator: credsAuthenticator(new TextEncoder().encode(world.nats.creds('bus-keys-system'))),
      inboxPrefix: '_INBOX_bus-keys-system',
    })
    for (const subject of ['$SYS.REQ.SERVER.PING', '$SYS.REQ.CLAIMS.DELETE', '$SYS.REQ.ACCOUNT.PING.CONNZ'])
      await expect(connection.request(subject, '', { timeout: 1_000 }), subject).rejects.toThrow()
    await connection.close()
  })

  test('nobody but siem may ask it', async () => {
    for (const service of ['rest-gateway', 'mcp-gateway', 'projects', 'operator'] as const) {
      const connection = await world.nats.raw(service)
      const asked = connection.request('rpc.bus-keys.setAccount', '[]', { timeout: 1_000 })
      await expect(asked, service).rejects.toThrow()
      await connection.close()
    }
  })
})

describe('without keys', () => {
  const given = () => ({ NATS_URL: world.nats.url, NATS_CREDS: world.nats.creds('bus-keys') })

  test('it says what is missing instead of signing', async () => {
    await using nats = await startTestBus()
    const config = Config.parse({ NATS_URL: nats.url, NATS_CREDS: nats.creds('bus-keys') })
    await using service = await start(config, log)
    void service
    await using siem = await nats.connect('siem')
    const user_key = newUserKey().getPublicKey()
    const asked = siem.call(busKeys.rpc.signWriter, { credential_id: randomUUID(), user_key })
    await expect(asked).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { type: 'siem_keys_missing' },
      message: expect.stringContaining('SIEM_ACCOUNTS_KEY') as string,
    })
  })

  test('it does not start with some of them', async () => {
    const some = Config.parse({ ...given(), SIEM_ACCOUNTS_KEY: 'ab'.repeat(32) })
    await expect(start(some, log)).rejects.toThrow(/NATS_SYSTEM_CREDS and NATS_OPERATOR_SEED/)
  })

  test('it does not start with a key that is none, and does not repeat it', async () => {
    const wrong = Config.parse({
      ...given(),
      NATS_SYSTEM_CREDS: world.nats.creds('bus-keys-system'),
      NATS_OPERATOR_SEED: world.nats.seeds.account,
      SIEM_ACCOUNTS_KEY: 'ab'.repeat(32),
    })
    const failed = await start(wrong, log).then(
      () => 'it started',
      (error: Error) => `${error.message} ${error.stack}`,
    )
    expect(failed).toMatch(/begins with SO/)
    expect(failed).not.toContain(world.nats.seeds.account)
  })
})
