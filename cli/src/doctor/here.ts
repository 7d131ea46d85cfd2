// This machine: its Node, the login that is kept on it, the product that was started on it.
import { stat } from 'node:fs/promises'
import { loginPath, readLogin } from '../login-file.ts'
import { processBirth } from '../process-birth.ts'
import { chosenProject, projectId } from '../project-choice.ts'
import { openRestApi } from '../rest-api.ts'
import { detailOf, member, type RestApi } from '../rest-client.ts'
import { readUpRecord } from '../up-record.ts'
import { CommandError, type World } from '../world.ts'
import type { Finding } from './finding.ts'

const WITHIN_MS = 15_000
const NODE_WANTED = 24

export async function checkHere(world: World, api: string): Promise<Finding[]> {
  return [node(process.versions.node), ...(await product(world)), ...(await login(world, api))]
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
async function login(world: World, api: string): Promise<Finding[]> {
  const name = 'login'
  const mend = `run mcpshield login --api ${api} --email YOU`
  try {
    const isKept = (await readLogin(world)) !== undefined
    if (world.environment.token === undefined && !isKept)
      return [{ name, state: 'note', detail: 'nobody is logged in', mend }]
    const rest = await openRestApi(world, { api })
    const { status, body } = await rest.request('GET', '/me', undefined, WITHIN_MS)
    if (status !== 200)
      return [{ name, state: 'wrong', detail: `the server answered ${status}: ${detailOf(body)}`, mend }]
    const ok: Finding = { name, state: 'ok', detail: String(member(body, 'email')) }
    return [(isKept ? await openToOthers(world) : undefined) ?? ok, ...(await project(world, rest))]
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    const isUnreadable = / cannot be read: /.test(error.message)
    return [
      {
        name,
        state: 'wrong',
        detail: error.message,
        mend: isUnreadable ? `let it be read, or remove it and ${mend}` : mend,
      },
    ]
  }
}

const FOR_OTHERS = 0o077

async function openToOthers(world: World): Promise<Finding | undefined> {
  const path = loginPath(world)
  if (world.environment.machine.platform === 'win32') return undefined
  const mode = await stat(path).then(
    (found) => found.mode & FOR_OTHERS,
    () => 0,
  )
  if (mode === 0) return undefined
  const detail = `others on this machine can read ${path}, and act as you by it`
  return { name: 'login', state: 'wrong', detail, mend: `run chmod 600 ${path}, and log in anew` }
}

/** The one that was chosen: it may be gone, or in another organisation. */
async function project(world: World, rest: RestApi): Promise<Finding[]> {
  const name = 'project'
  const mend =
    world.environment.project === undefined
      ? 'run mcpshield projects use NAME'
      : 'set MCPSHIELD_PROJECT to one of mcpshield projects list, or to nothing'
  try {
    const chosen = await chosenProject(world, rest)
    if (chosen === undefined) return []
    const id = await projectId(world, rest, { project: chosen })
    const { status, body } = await rest.request(
      'GET',
      `/projects/${encodeURIComponent(id)}`,
      undefined,
      WITHIN_MS,
    )
    if (status === 200) return [{ name, state: 'ok', detail: String(member(body, 'name')) }]
    return [{ name, state: 'wrong', detail: `${chosen}: ${detailOf(body)}`, mend }]
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return [{ name, state: 'wrong', detail: error.message.split('\n')[0] ?? '', mend }]
  }
}
