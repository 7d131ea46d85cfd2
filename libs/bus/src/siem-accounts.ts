// The NATS account of one SIEM credential, made by a template from the credential's id. It holds one stream, with the
// organisation's events that its reader has not acknowledged yet, and one durable consumer: there is nothing else in
// it, and nothing of other accounts leads in or out. So whatever a reader makes the server do, it does in there (ADR 15).
import { createHmac } from 'node:crypto'
import { Algorithms, decode, encodeAccount, encodeUser, fmtCreds, type Account } from '@nats-io/jwt'
import { createUser, fromPublic, fromSeed, type KeyPair } from '@nats-io/nkeys'
import type { SiemConnection } from '@mcpshield/contracts/siem'
import { nkeySeed, PREFIX } from './nkey-seeds.ts'

/**
 * `resting`: nobody who was given a JWT so far is let in. `revoked`: the same, for good, and what is in the account can be
 * removed. `closed`: nobody at all, and nothing is left.
 */
export type SiemAccountState = 'open' | 'resting' | 'revoked' | 'closed'

export const SIEM_STREAM = 'AUDIT'
/** What a reader has not acknowledged is kept here up to so much; what does not fit waits in the product's own stream. */
export const SIEM_BACKLOG_BYTES = 64 * 1024 ** 2
/** Connections of one credential, beside our own that writes. */
const MAX_CONNECTIONS = 8
const MAX_SUBSCRIPTIONS = 64
/** Requests for messages and acknowledgements are small. */
const MAX_READER_PAYLOAD_BYTES = 4_096
const WRITER_FOR_SECONDS = 86_400

/** Where a credential reads. */
export function siemConnection(url: string, orgId: string, credentialId: string): SiemConnection {
  return {
    url,
    stream: SIEM_STREAM,
    durable: siemDurable(credentialId),
    subject: `audit.${orgId}.>`,
    inbox_prefix: `_INBOX_siem_${credentialId}`,
  }
}

/** Of a credential in its account, and of whatever carries events to it in ours. */
export function siemDurable(id: string): string {
  return `siem-${id}`
}

/** The account's key pair: from the master key, so that nothing has to be kept. */
export function siemAccount(masterKey: Buffer, credentialId: string): KeyPair {
  const raw = createHmac('sha256', masterKey).update(`siem account ${credentialId}`).digest()
  return fromSeed(new TextEncoder().encode(nkeySeed(PREFIX.account, raw)))
}

/** The account's JWT in a state. `operator` signs. */
export async function siemAccountJwt(
  operator: KeyPair,
  account: KeyPair,
  { credentialId, state, nowSeconds }: { credentialId: string; state: SiemAccountState; nowSeconds: number },
): Promise<string> {
  const claims: Partial<Account> = {
    limits: limitsOf(state),
    tags: [`siem:${state}`],
    ...(state === 'open' ? {} : { revocations: { '*': nowSeconds } }),
  }
  // The account's public key is enough: who can sign users of it is not in here.
  return encodeAccount(`siem-${credentialId}`, fromPublic(account.getPublicKey()), claims, {
    algorithm: Algorithms.v2,
    signer: operator,
  })
}

function limitsOf(state: SiemAccountState): NonNullable<Account['limits']> {
  return {
    subs: MAX_SUBSCRIPTIONS * (MAX_CONNECTIONS + 1),
    data: -1,
    payload: -1,
    imports: 0,
    exports: 0,
    wildcards: true,
    // Not none while there is a stream: a server would cut the stream's own connections too, and it would take nothing.
    conn: state === 'closed' ? 0 : MAX_CONNECTIONS + 1,
    leaf: 0,
    disallow_bearer: true,
    mem_storage: 0,
    ...(state === 'closed' ? {} : { disk_storage: SIEM_BACKLOG_BYTES, streams: 1, consumer: 1 }),
  }
}

/** The state that an account's JWT puts it in; undefined when it is none of ours. */
export function stateOfSiemAccount(jwt: string): SiemAccountState | undefined {
  const tags = decode<Account>(jwt).nats.tags ?? []
  return (['open', 'resting', 'revoked', 'closed'] as const).find((state) => tags.includes(`siem:${state}`))
}

/** Reads its durable consumer and sees what is written, and may do nothing else. */
export function readerPermissions(orgId: string, credentialId: string) {
  const { durable, subject, inbox_prefix } = siemConnection('', orgId, credentialId)
  return {
    publish: [
      `$JS.API.CONSUMER.INFO.${SIEM_STREAM}.${durable}`,
      `$JS.API.CONSUMER.MSG.NEXT.${SIEM_STREAM}.${durable}`,
      `$JS.ACK.${SIEM_STREAM}.${durable}.>`,
    ],
    subscribe: [subject, `${inbox_prefix}.>`],
  }
}

/** Makes, fills and removes what is in the account. */
function writerPermissions(credentialId: string) {
  const durable = siemDurable(credentialId)
  const stream = ['CREATE', 'UPDATE', 'INFO', 'DELETE'].map((verb) => `$JS.API.STREAM.${verb}.${SIEM_STREAM}`)
  return {
    publish: [
      ...stream,
      `$JS.API.CONSUMER.CREATE.${SIEM_STREAM}.${durable}`,
      `$JS.API.CONSUMER.INFO.${SIEM_STREAM}.${durable}`,
      'audit.>',
    ],
    subscribe: [`${writerInbox(credentialId)}.>`],
  }
}

export const writerInbox = (credentialId: string) => `_INBOX_writer_${credentialId}`

/** JWT of a credential's holder, whose public key it is. */
export function readerJwt(
  account: KeyPair,
  of: { credentialId: string; orgId: string; userKey: string; expiresAt: Date | null },
): Promise<string> {
  return userJwt(account, {
    name: `siem-${of.credentialId}`,
    userKey: of.userKey,
    allowed: readerPermissions(of.orgId, of.credentialId),
    limits: { subs: MAX_SUBSCRIPTIONS, payload: MAX_READER_PAYLOAD_BYTES },
    expiresAtSeconds: of.expiresAt === null ? undefined : Math.floor(of.expiresAt.getTime() / 1_000),
  })
}

/** JWT of our own that writes into the account, for a day. */
export function writerJwt(
  account: KeyPair,
  of: { credentialId: string; userKey: string; nowSeconds: number },
): Promise<string> {
  return userJwt(account, {
    name: `siem-writer-${of.credentialId}`,
    userKey: of.userKey,
    allowed: writerPermissions(of.credentialId),
    limits: { subs: MAX_SUBSCRIPTIONS, payload: -1 },
    expiresAtSeconds: of.nowSeconds + WRITER_FOR_SECONDS,
  })
}

type UserSpec = {
  name: string
  userKey: string
  allowed: { publish: string[]; subscribe: string[] }
  limits: { subs: number; payload: number }
  expiresAtSeconds: number | undefined
}

function userJwt(account: KeyPair, { name, userKey, allowed, limits, expiresAtSeconds }: UserSpec) {
  return encodeUser(
    name,
    fromPublic(userKey),
    account,
    {
      pub: { allow: allowed.publish, deny: [] },
      sub: { allow: allowed.subscribe, deny: [] },
      ...limits,
      data: -1,
      allowed_connection_types: ['STANDARD', 'WEBSOCKET'],
    },
    { algorithm: Algorithms.v2, ...(expiresAtSeconds === undefined ? {} : { exp: expiresAtSeconds }) },
  )
}

/** A user's key pair, for who will hold it. */
export const newUserKey = (): KeyPair => createUser()

/** Content of a .creds file. */
export function credsText(jwt: string, user: KeyPair): string {
  return new TextDecoder().decode(fmtCreds(jwt, user))
}

/** The operator's signing key from its seed; throws when it is none. */
export function operatorKey(seed: string): KeyPair {
  const pair = fromSeed(new TextEncoder().encode(seed.trim()))
  if (!pair.getPublicKey().startsWith('O')) throw new Error('not the seed of an operator’s signing key')
  return pair
}
