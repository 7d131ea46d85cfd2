// NATS in operator mode: one account, and for each service a user JWT with the subjects of its row of
// flow.ts. The keys made here live in the data folder and nowhere else.
import { join } from 'node:path'
import { Algorithms, encodeAccount, encodeOperator, encodeUser, fmtCreds } from '@nats-io/jwt'
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from '@nats-io/nkeys'
import { flow, type FlowRow, type ServiceName } from '@mcpshield/contracts/flow'
import { MAX_GROUP_CALLS } from './rpc-groups.ts'
import { inboxPrefix, permissionsOf, type Permissions } from './permissions.ts'
import { RESOLVER_SUBJECTS, RESOLVER_USER } from './resolver.ts'

/** Seeds of the operator and its accounts: secrets. */
export type AccountSeeds = {
  operator: string
  /** Signs accounts in the operator's place: the one that `bus-keys` holds. */
  operatorSigning: string
  system: string
  account: string
}

export type Accounts = {
  operatorJwt: string
  systemAccountId: string
  /** Account id → account JWT, for the server's resolver. */
  preload: Record<string, string>
  /** Content of a .creds file for each service, for `provision`, for `system` and for `bus-keys` in the system account. */
  creds: Record<string, string>
}

export function newSeeds(): AccountSeeds {
  const seed = (pair: KeyPair) => new TextDecoder().decode(pair.getSeed())
  return {
    operator: seed(createOperator()),
    operatorSigning: seed(createOperator()),
    system: seed(createAccount()),
    account: seed(createAccount()),
  }
}

export async function makeAccounts(seeds: AccountSeeds): Promise<Accounts> {
  const pair = (seed: string): KeyPair => fromSeed(new TextEncoder().encode(seed))
  const [operator, system, account] = [pair(seeds.operator), pair(seeds.system), pair(seeds.account)]
  const v2 = { algorithm: Algorithms.v2 }
  const signed = { ...v2, signer: operator }
  const operatorJwt = await encodeOperator(
    'mcpshield',
    operator,
    {
      system_account: system.getPublicKey(),
      signing_keys: [pair(seeds.operatorSigning).getPublicKey()],
    },
    v2,
  )
  const systemJwt = await encodeAccount('SYS', system, { limits: unlimited }, signed)
  const accountJwt = await encodeAccount(
    'MCPSHIELD',
    account,
    { limits: { ...unlimited, mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 } },
    signed,
  )
  const creds: Record<string, string> = {}
  for (const [name, row] of Object.entries(flow) as [ServiceName, FlowRow][]) {
    creds[name] = await userCreds(name, account, permissionsOf(name, row), row.serves.length > 0)
  }
  creds.provision = await userCreds('provision', account, {
    publish: ['$JS.API.>', '$KV.>'],
    subscribe: [`${inboxPrefix('provision')}.>`],
  })
  // Copies streams as they are, and puts them back; it reads no bucket and publishes nothing of ours.
  creds.backup = await userCreds('backup', account, {
    publish: [
      '$JS.API.STREAM.LIST',
      '$JS.API.STREAM.NAMES',
      ...['INFO', 'DELETE', 'SNAPSHOT', 'RESTORE'].map((verb) => `$JS.API.STREAM.${verb}.*`),
      '$JS.SNAPSHOT.>',
    ],
    subscribe: [`${inboxPrefix('backup')}.>`],
  })
  creds.system = await userCreds('system', system, {
    publish: ['$SYS.REQ.>'],
    subscribe: [`${inboxPrefix('system')}.>`],
  })
  creds[RESOLVER_USER] = await userCreds(RESOLVER_USER, system, {
    publish: RESOLVER_SUBJECTS,
    subscribe: [`${inboxPrefix(RESOLVER_USER)}.>`],
  })
  return {
    operatorJwt,
    systemAccountId: system.getPublicKey(),
    preload: { [system.getPublicKey()]: systemJwt, [account.getPublicKey()]: accountJwt },
    creds,
  }
}

const unlimited = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: -1,
}

async function userCreds(
  name: string,
  account: KeyPair,
  allowed: Permissions,
  answers = false,
): Promise<string> {
  const user = createUser()
  const jwt = await encodeUser(
    name,
    user,
    account,
    {
      pub: { allow: allowed.publish, deny: allowed.denyPublish ?? [] },
      sub: { allow: allowed.subscribe, deny: [] },
      subs: -1,
      data: -1,
      payload: -1,
      // A service may answer a request as often as it holds calls; the lifetime is in nanoseconds.
      ...(answers ? { resp: { max: MAX_GROUP_CALLS, ttl: 60_000_000_000 } } : {}),
    },
    { algorithm: Algorithms.v2 },
  )
  return new TextDecoder().decode(fmtCreds(jwt, user))
}

/**
 * nats-server configuration for operator mode on loopback. Accounts that are made while it runs lie in a folder, and are
 * there again after a restart; of one that is preloaded too, the newer is in force.
 */
export function natsConfig(
  accounts: Accounts,
  options: { host: string; port: number; storeDir: string },
): string {
  return `listen: "${options.host}:${options.port}"
max_payload: 8388608
# A service's user JWT names each subject it may use; it comes in one line, which has to be let in.
max_control_line: 65536
jetstream { store_dir: ${JSON.stringify(options.storeDir)}, max_memory_store: 268435456, max_file_store: 42949672960 }
operator: ${accounts.operatorJwt}
system_account: ${accounts.systemAccountId}
resolver: { type: full, dir: ${JSON.stringify(join(options.storeDir, 'accounts'))}, interval: "2m" }
resolver_preload: {
${Object.entries(accounts.preload)
  .map(([id, jwt]) => `  ${id}: ${jwt}`)
  .join('\n')}
}
`
}
