// What is signed, and when it is not. The caller names a credential and a state; account, subjects and limits are the
// template's (libs/bus, siem-accounts.ts).
import type { Call } from '@mcpshield/bus/rpc'
import type { Resolver } from '@mcpshield/bus/resolver'
import {
  readerJwt,
  siemAccount,
  siemAccountJwt,
  stateOfSiemAccount,
  writerJwt,
  type SiemAccountState,
} from '@mcpshield/bus/siem-accounts'
import type { busKeys } from '@mcpshield/contracts/bus-keys'
import type { Handlers } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import { healthOf, type Checks } from '@mcpshield/runtime/health'

export type Keys = {
  operator: ReturnType<typeof siemAccount>
  /** Master key of the accounts' keys. */
  accounts: Buffer
}
export type Signing = Keys & { resolver: Pick<Resolver, 'tell' | 'find'> }

export type BusKeysDeps = {
  /** Absent where the installation has no keys. */
  signing?: Signing
  now(): Date
  checks: Checks
}

/** How far an account has been taken back; it never comes forward again from the third on. */
const OVER: readonly SiemAccountState[] = ['revoked', 'closed']

export function busKeysService({ signing, now, checks }: BusKeysDeps): Handlers<typeof busKeys.rpc, Call> {
  const nowSeconds = () => Math.floor(now().getTime() / 1_000)
  const turns = new Map<string, Promise<unknown>>()
  /** What is done to one account follows each other: it is looked at, then told anew. */
  const inTurn = <T>(id: string, work: () => Promise<T>): Promise<T> => {
    const before = turns.get(id) ?? Promise.resolve()
    const mine = before.catch(() => undefined).then(work)
    const settled = mine
      .catch(() => undefined)
      .then(() => {
        if (turns.get(id) === settled) turns.delete(id)
      })
    turns.set(id, settled)
    return mine
  }
  return {
    checkHealth: () => healthOf(checks),

    setAccount: ({ credential_id, state }) =>
      inTurn(credential_id, async () => {
        const { operator, accounts, resolver } = given(signing)
        const account = siemAccount(accounts, credential_id)
        const known = await resolver.find(account.getPublicKey())
        const present = known === undefined ? undefined : stateOfSiemAccount(known)
        if (present === state) return {}
        if (isBackward(present, state))
          throw new AppError('CONFLICT', 'This credential was revoked.', { type: 'credential_revoked' })
        const of = { credentialId: credential_id, state, nowSeconds: nowSeconds() }
        await resolver.tell(await siemAccountJwt(operator, account, of))
        return {}
      }),

    async signReader({ credential_id, org_id, user_key, expires_at }) {
      const account = siemAccount(given(signing).accounts, credential_id)
      const expiresAt = expires_at === null ? null : new Date(expires_at)
      return {
        jwt: await readerJwt(account, {
          credentialId: credential_id,
          orgId: org_id,
          userKey: user_key,
          expiresAt,
        }),
      }
    },

    async signWriter({ credential_id, user_key }) {
      const account = siemAccount(given(signing).accounts, credential_id)
      const of = { credentialId: credential_id, userKey: user_key, nowSeconds: nowSeconds() }
      return { jwt: await writerJwt(account, of) }
    },
  }
}

function isBackward(present: SiemAccountState | undefined, state: SiemAccountState): boolean {
  if (present === undefined) return false
  return OVER.includes(present) && OVER.indexOf(state) < OVER.indexOf(present)
}

function given(signing: Signing | undefined): Signing {
  if (signing !== undefined) return signing
  throw new AppError(
    'UNAVAILABLE',
    'This installation has no keys to make NATS credentials with. Who runs it gives bus-keys NATS_SYSTEM_CREDS, NATS_OPERATOR_SEED and SIEM_ACCOUNTS_KEY (docs/siem.md).',
    { type: 'siem_keys_missing' },
  )
}
