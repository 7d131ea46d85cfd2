// Who is logged in on this machine: one file in the user's own configuration folder that nobody else may read.
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CommandError, type World } from './world.ts'

export type Login = {
  /** The address of the API that the tokens are for, and go to. */
  api: string
  email: string
  access_token: string
  refresh_token: string
  /** By this machine's clock. */
  expires_at: string
}

const OWNER_ONLY = 0o600
const FOLDER_OWNER_ONLY = 0o700

export function loginPath({ environment }: World): string {
  if (environment.configFolder === undefined)
    throw new CommandError('there is no home folder to keep a login in: set HOME or XDG_CONFIG_HOME')
  return join(environment.configFolder, 'mcpshield', 'login.json')
}

/** The login, or undefined when nobody is logged in. */
export async function readLogin(world: World): Promise<Login | undefined> {
  if (world.environment.configFolder === undefined) return undefined
  const path = loginPath(world)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new CommandError(`${path} cannot be read: ${(error as Error).message}`)
  }
  const login = parse(text)
  if (login === undefined) throw new CommandError(`${path} is not a login: log in again`)
  return login
}

function parse(text: string): Login | undefined {
  try {
    const login = JSON.parse(text) as Record<keyof Login, unknown>
    const { api, email, access_token, refresh_token, expires_at } = login
    const all = { api, email, access_token, refresh_token, expires_at }
    return Object.values(all).every((each) => typeof each === 'string') ? (all as Login) : undefined
  } catch {
    return undefined
  }
}

/** Whoever reads it meanwhile gets the login of before or this one, whole. */
export async function writeLogin(world: World, login: Login): Promise<void> {
  const path = loginPath(world)
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: FOLDER_OWNER_ONLY })
    await writeFile(draft, `${JSON.stringify(login, null, 2)}\n`, { mode: OWNER_ONLY, flag: 'wx' })
    // The process may have been started with a mask that leaves even less.
    await chmod(draft, OWNER_ONLY)
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw new CommandError(`${path} cannot be written: ${(error as Error).message}`)
  }
}

export async function removeLogin(world: World): Promise<void> {
  await rm(loginPath(world), { force: true })
}
