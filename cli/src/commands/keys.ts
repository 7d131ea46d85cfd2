// `mcpshield keys`: the API keys of a project. A key is shown once, on standard output alone, so that a script can take it.
import { bodyOf, itemsOf, jsonText, understood, WITHIN_MS } from '../answers.ts'
import { colorsFor } from '../diagnostics-text.ts'
import { printable } from '../printable.ts'
import { projectId } from '../project-choice.ts'
import { openRestApi, type Account } from '../rest-api.ts'
import type { RestApi } from '../rest-client.ts'
import { tableText } from '../table.ts'
import { CommandError, DONE, NEGATIVE, write, type World } from '../world.ts'

export type KeysOptions = Account & { project?: string; json?: boolean }
export type CreateKeyOptions = KeysOptions & {
  label?: string[]
  upstreams?: string[]
  expiresInDays?: number
}
export type ListKeysOptions = KeysOptions & { all?: boolean }

/** What of the API's keys is shown. */
export type ApiKey = {
  id: string
  name: string
  prefix: string
  labels: string[]
  upstreams: string[] | null
  killed: boolean
  expires_at: string | null
  last_used_at: string | null
  revoked_at: string | null
}

export const keysPath = (project: string) => `/projects/${encodeURIComponent(project)}/keys`

const DAY_MS = 86_400_000

export async function createKey(world: World, name: string, options: CreateKeyOptions): Promise<number> {
  const api = await openRestApi(world, options)
  const project = await projectId(world, api, options)
  const { label, upstreams, expiresInDays: days } = options
  const wanted = {
    name,
    ...(label === undefined ? {} : { labels: label }),
    ...(upstreams === undefined ? {} : { upstreams }),
    ...(days === undefined ? {} : { expires_at: new Date(Date.now() + days * DAY_MS).toISOString() }),
  }
  const made = await makeKey(api, project, wanted)
  if (options.json) {
    await write(world.stdout, jsonText(made.body))
    return DONE
  }
  await write(world.stdout, `${made.secret}\n`)
  world.stderr.write(
    `mcpshield: made the key “${printable(made.name)}” (${made.id}). It is shown this once and kept nowhere.\n`,
  )
  return DONE
}

export type MadeKey = { id: string; name: string; secret: string; body: unknown }

export async function makeKey(api: RestApi, project: string, wanted: { name: string }): Promise<MadeKey> {
  const body = bodyOf(await api.request('POST', keysPath(project), wanted, WITHIN_MS))
  return understood(() => {
    const { id, name, api_key: secret } = body as ApiKey & { api_key: unknown }
    // It goes to where keys go, and must be nothing but one.
    if (typeof secret !== 'string' || !/^[\w-]+$/.test(secret)) throw new Error('this is no key')
    return { id: printable(id), name, secret, body }
  })
}

export async function listKeys(world: World, options: ListKeysOptions): Promise<number> {
  const api = await openRestApi(world, options)
  const list = await itemsOf<ApiKey>(api, keysPath(await projectId(world, api, options)))
  const items = options.all ? list.items : list.items.filter(({ revoked_at }) => revoked_at === null)
  await write(world.stdout, options.json ? jsonText({ ...list, items }) : listText(world, items))
  return DONE
}

function listText(world: World, keys: ApiKey[]): string {
  if (keys.length === 0) return 'No keys.\n'
  const colors = colorsFor(world, world.stdout)
  const now = Date.now()
  return understood(() => {
    const rows = keys.map((key) => [
      key.id,
      key.name,
      `${key.prefix}…`,
      stateOf(key, now),
      key.labels.join(',') || '-',
      key.upstreams === null ? 'all' : key.upstreams.join(',') || 'none',
      key.last_used_at ?? '-',
    ])
    return tableText(['id', 'name', 'key', 'state', 'labels', 'upstreams', 'last used'], rows, {
      head: colors.bold,
      cell: (text, column) => (column !== STATE_COLUMN || text === 'good' ? text : colors.red(text)),
    })
  })
}

const STATE_COLUMN = 3

function stateOf({ revoked_at, killed, expires_at }: ApiKey, nowMs: number): string {
  if (revoked_at !== null) return 'revoked'
  if (killed) return 'killed'
  return expires_at !== null && Date.parse(expires_at) <= nowMs ? 'expired' : 'good'
}

/** By its id, or by a name that only one key has. */
export async function revokeKey(world: World, which: string, options: KeysOptions): Promise<number> {
  const api = await openRestApi(world, options)
  const project = await projectId(world, api, options)
  const { items } = await itemsOf<ApiKey>(api, keysPath(project))
  const standing = items.filter(({ revoked_at }) => revoked_at === null)
  const found = standing.filter(({ id, name }) => id === which || name === which)
  const [key, ...others] = found
  if (key === undefined) throw new CommandError(`there is no key ${JSON.stringify(which)}`, NEGATIVE)
  if (others.length > 0)
    throw new CommandError(
      `several keys are called ${JSON.stringify(which)}: give the id of one.${found.map(({ id, prefix }) => `\n  ${id}  ${prefix}…`).join('')}`,
    )
  bodyOf(
    await api.request('DELETE', `${keysPath(project)}/${encodeURIComponent(key.id)}`, undefined, WITHIN_MS),
  )
  const said = `Revoked the key ${printable(key.name)} (${printable(key.id)}).\n`
  await write(world.stdout, options.json ? jsonText({ id: key.id, name: key.name, revoked: true }) : said)
  return DONE
}
