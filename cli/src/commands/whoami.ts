// `mcpshield whoami`: as whom commands speak to the server, and where.
import { printable } from '../printable.ts'
import { readLogin } from '../login-file.ts'
import { openRestApi, type Account } from '../rest-api.ts'
import { member, refused, type RestApi } from '../rest-client.ts'
import { CommandError, DONE, NEGATIVE, write, type World } from '../world.ts'

const WITHIN_MS = 15_000

export async function whoami(world: World, options: Account & { json?: boolean }): Promise<number> {
  const api = await apiFor(world, options)
  const [user, organization] = [await get(api, '/me'), await get(api, '/organization')]
  const shown = options.json
    ? JSON.stringify({ api: api.address, user, organization })
    : `${sentence(user, organization)}, at ${api.address}`
  await write(world.stdout, `${shown}\n`)
  return DONE
}

/** That nobody is logged in is an answer to this question. */
async function apiFor(world: World, options: Account): Promise<RestApi> {
  if (world.environment.token !== undefined || (await readLogin(world)) !== undefined)
    return openRestApi(world, options)
  throw new CommandError('not logged in', NEGATIVE)
}

async function get(api: RestApi, path: string): Promise<unknown> {
  const { status, body } = await api.request('GET', path, undefined, WITHIN_MS)
  if (status !== 200) throw refused(status, body)
  return body
}

function sentence(user: unknown, organization: unknown): string {
  const name = `${text(user, 'first_name')} ${text(user, 'last_name')}`
  return `${text(user, 'email')} (${name}), ${text(organization, 'role')} of ${text(organization, 'name')}`
}

function text(value: unknown, name: string): string {
  const found = member(value, name)
  return typeof found === 'string' ? printable(found) : '-'
}
