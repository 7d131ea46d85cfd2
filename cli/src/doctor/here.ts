// This machine: its Node, the login that is kept on it, the product that was started on it.
import { readLogin } from '../login-file.ts'
import { processBirth } from '../process-birth.ts'
import { openRestApi } from '../rest-api.ts'
import { detailOf, member } from '../rest-client.ts'
import { readUpRecord } from '../up-record.ts'
import { CommandError, type World } from '../world.ts'
import type { Finding } from './finding.ts'

const WITHIN_MS = 15_000
const NODE_WANTED = 24

export async function checkHere(world: World, api: string): Promise<Finding[]> {
  return [node(process.versions.node), ...(await product(world)), await login(world, api)]
}

export function node(version: string): Finding {
  return Number.parseInt(version, 10) >= NODE_WANTED
    ? { name: 'node', state: 'ok', detail: version }
    : {
        name: 'node',
        state: 'wrong',
        detail: `${version}, and ${NODE_WANTED} is needed`,
        mend: 'run npm install --include=optional in the clone, which brings it',
      }
}

async function product(world: World): Promise<Finding[]> {
  const record = await readUpRecord(world)
  if (record === undefined) return []
  const name = 'product on this machine'
  if (processBirth(record.pid) === record.born)
    return [{ name, state: 'ok', detail: `runs from ${record.folder}` }]
  return [{ name, state: 'wrong', detail: `it ended by itself: see ${record.log}`, mend: 'run mcpshield up' }]
}

/** Asked of the server: a login that looks good here may be over there. */
async function login(world: World, api: string): Promise<Finding> {
  const name = 'login'
  const mend = `run mcpshield login --api ${api} --email YOU`
  try {
    if (world.environment.token === undefined && (await readLogin(world)) === undefined)
      return { name, state: 'note', detail: 'nobody is logged in', mend }
    const rest = await openRestApi(world, { api })
    const { status, body } = await rest.request('GET', '/me', undefined, WITHIN_MS)
    if (status === 200) return { name, state: 'ok', detail: String(member(body, 'email')) }
    return { name, state: 'wrong', detail: `the server answered ${status}: ${detailOf(body)}`, mend }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return { name, state: 'wrong', detail: error.message, mend }
  }
}
