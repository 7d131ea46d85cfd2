// What `connect` would change for one client, before anything is changed.
import { isDeepStrictEqual } from 'node:util'
import type { Machine } from '../config.ts'
import { differences, differenceText } from '../definition-difference.ts'
import type { KeyState } from '../gateway.ts'
import type { JsonValue } from '@mcpshield/policy/facts'
import { endpointIn, isObject, SERVER_NAME, type McpClient } from './client.ts'
import { fileOf } from './clients.ts'
import { readConfig, requireChangeable } from './config-file.ts'
import { CannotEdit, contentOf, entryAt, plainOf, withEntry } from './config-text.ts'

export type Plan = {
  client: McpClient
  file: string
  /** As the file is; null when there is none. */
  bytes: Buffer | null
  /** The members that lead to the entry. */
  path: string[]
  /** What is there by this name; undefined when nothing is. */
  existing: unknown
  /** A key that is in the file and opens the gateway. */
  key: string | null
  state: 'connected' | 'to change'
}

export type Impossible = { client: McpClient; file: string; problem: string }

export const isPossible = (plan: Plan | Impossible): plan is Plan => !('problem' in plan)

type Wanted = { url: string; key: string | undefined; check(key: string): Promise<KeyState> }

export async function planFor(
  client: McpClient,
  machine: Machine,
  { url, key, check }: Wanted,
): Promise<Plan | Impossible> {
  const file = fileOf(client, machine)
  try {
    const bytes = await readConfig(file)
    const content = contentOf(client.format, bytes?.toString('utf8') ?? '')
    const servers = client.servers(content)
    const path = [...servers, SERVER_NAME]
    const existing = plainOf(entryAt(content, path))
    const found = endpointIn(existing)
    const known = key ?? found.key
    const isGood =
      isSameHost(found.url, url) && known !== null && found.key === known && (await check(known)) === 'good'
    const same = isGood && isDeepStrictEqual(existing, client.entry({ url, key: known }, servers))
    const plan: Plan = {
      client,
      file,
      bytes,
      path,
      existing,
      key: isGood ? known : null,
      state: same ? 'connected' : 'to change',
    }
    // Whether it can be done at all is found out before a key is made for it.
    if (!same) {
      newText(plan, { url, key: 'mcps_' })
      await requireChangeable(file)
    }
    return plan
  } catch (error) {
    if (error instanceof CannotEdit) return { client, file, problem: error.message }
    throw error
  }
}

/** A gateway that moved to another port takes the key that it made. To another host it is not even shown. */
function isSameHost(known: string | null, url: string): boolean {
  return known !== null && URL.parse(known)?.hostname === new URL(url).hostname
}

export function newText({ client, bytes, path }: Plan, endpoint: { url: string; key: string }): string {
  const entry = client.entry(endpoint, path.slice(0, -1))
  return withEntry(client.format, bytes?.toString('utf8') ?? '', path, entry)
}

/** The change, member by member, without a secret. */
export function changeText({ client, path, existing }: Plan, url: string): string {
  const entry = client.entry({ url, key: 'mcps_…' }, path.slice(0, -1))
  const at = path.join('.')
  const before = existing === undefined ? {} : withoutSecrets(existing as JsonValue)
  return differenceText(differences(before, entry, at))
}

const SECRET_HOLDERS = new Set(['headers', 'http_headers', 'env'])

function withoutSecrets(value: JsonValue): JsonValue {
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      SECRET_HOLDERS.has(name) && isObject(each)
        ? Object.fromEntries(Object.keys(each).map((key) => [key, '…']))
        : each,
    ]),
  )
}
