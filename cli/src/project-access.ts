// A project's API, as a program of that project uses it: by the key that the environment says, or by one that the login of
// this machine makes for it once.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { locked } from './login-lock.ts'
import { readLogin } from './login-file.ts'
import { openBase, openRestApi } from './rest-api.ts'
import { apiOf, baseOf, member, refused, type RestApi } from './rest-client.ts'
import { CommandError, SERVER, type World } from './world.ts'

const WITHIN_MS = 15_000

export type ProjectAccess = {
  api: RestApi
  /** Where this program keeps what belongs to this project at this server; undefined without a home. */
  folder(kind: string): string | undefined
}

export async function openProject(world: World, project: string, api?: string): Promise<ProjectAccess> {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(project))
    throw new CommandError(`${JSON.stringify(project)} is not the id of a project`)
  const { apiKey, apiUrl } = world.environment
  if (apiKey !== undefined) {
    const address = api ?? apiUrl ?? (await readLogin(world))?.api
    const base = openBase(world, address === undefined ? {} : { api: address })
    return accessOf(world, project, apiOf(base, { apiKey }))
  }
  const person = await openRestApi(world, api === undefined ? {} : { api })
  const key = await keyOf(world, person, project)
  return accessOf(world, project, apiOf(baseOf(person.address), { apiKey: key }))
}

/** The key that this machine has for the project; made where there is none that holds. */
async function keyOf(world: World, person: RestApi, project: string): Promise<string> {
  const path = folderOf(world, project, person.address, 'keys')
  if (path === undefined)
    throw new CommandError('there is no home folder to keep the project’s key in: set MCPSHIELD_API_KEY')
  const file = `${path}.json`
  return locked(file, async () => {
    const known = readKey(file)
    if (known !== undefined && (await isGood(person.address, known, project))) return known
    const made = await makeKey(world, person, project)
    keepKey(file, made)
    return made
  })
}

function accessOf(world: World, project: string, api: RestApi): ProjectAccess {
  return { api, folder: (kind) => folderOf(world, project, api.address, kind) }
}

function folderOf(
  { environment }: World,
  project: string,
  address: string,
  kind: string,
): string | undefined {
  if (environment.stateFolder === undefined) return undefined
  const server = createHash('sha256').update(address).digest('hex').slice(0, 16)
  return join(environment.stateFolder, 'mcpshield', kind, `${server}-${project.toLowerCase()}`)
}

function readKey(file: string): string | undefined {
  try {
    const key = member(JSON.parse(readFileSync(file, 'utf8')), 'api_key')
    return typeof key === 'string' ? key : undefined
  } catch {
    return undefined
  }
}

/** A key that was revoked since is made anew; a server that cannot be asked says nothing against it. */
async function isGood(address: string, apiKey: string, project: string): Promise<boolean> {
  const path = `/projects/${encodeURIComponent(project)}/policy`
  const answered = await apiOf(baseOf(address), { apiKey })
    .request('GET', path, undefined, WITHIN_MS)
    .catch(() => undefined)
  return answered?.status !== 401
}

/** For no upstream: with it decisions are reported and the policy is read, and no call can be made. */
async function makeKey(world: World, api: RestApi, project: string): Promise<string> {
  const name = `mcpshield wrap on ${hostname()}`.slice(0, 100)
  const path = `/projects/${encodeURIComponent(project)}/keys`
  const { status, body } = await api.request('POST', path, { name, upstreams: [] }, WITHIN_MS)
  const key = member(body, 'api_key')
  if (status === 403)
    throw new CommandError(
      'only administrators may make the key that this needs: set MCPSHIELD_API_KEY',
      SERVER,
    )
  if (status !== 201 || typeof key !== 'string') throw refused(status, body)
  world.stderr.write(`mcpshield: made the API key “${name}” for this project\n`)
  return key
}

function keepKey(file: string, key: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  rmSync(file, { force: true })
  writeFileSync(file, `${JSON.stringify({ api_key: key })}\n`, { mode: 0o600, flag: 'wx' })
}
