// The REST API for whoever the options, the environment or the login of this machine say.
import { currentLogin } from './login.ts'
import { readLogin, type Login } from './login-file.ts'
import { addressOf, apiOf, baseOf, isThisMachine, member, refused, type RestApi } from './rest-client.ts'
import { CommandError, type World } from './world.ts'

export type Account = { api?: string; email?: string }

const DEFAULT_API_URL = 'http://localhost:8000'
const LOGIN_WITHIN_MS = 15_000

/** By logging in for this once, by a token, or by the login of this machine, in this order. */
export async function openRestApi(world: World, account: Account): Promise<RestApi> {
  const { environment } = world
  if (account.email === undefined && environment.token === undefined)
    return loggedIn(world, await requireLogin(world, account))
  const base = openBase(world, account)
  if (account.email === undefined) return apiOf(base, environment.token)
  if (environment.password === undefined)
    throw new CommandError('--email needs the password in MCPSHIELD_PASSWORD')
  const credentials = { email: account.email, password: environment.password }
  const { status, body } = await apiOf(base).request('POST', '/auth/login', credentials, LOGIN_WITHIN_MS)
  const token = member(body, 'access_token')
  if (status !== 200 || typeof token !== 'string') throw refused(status, body)
  return apiOf(base, token)
}

/** The address that the options or the environment say. What is not encrypted is said to be so. */
export function openBase({ environment, stderr }: World, account: Account): URL {
  const base = baseOf(account.api ?? environment.apiUrl ?? DEFAULT_API_URL)
  if (base.protocol === 'http:' && !isThisMachine(base))
    stderr.write(`mcpshield: ${base.origin} is not https: others can read what is sent\n`)
  return base
}

/** The login of this machine. Its tokens go to no other server than the one that gave them. */
async function requireLogin(world: World, account: Account): Promise<Login> {
  const login = await readLogin(world)
  if (login === undefined)
    throw new CommandError(
      'not logged in: run mcpshield login, set MCPSHIELD_TOKEN, or give --email and set MCPSHIELD_PASSWORD',
    )
  const wanted = account.api ?? world.environment.apiUrl
  if (wanted !== undefined && addressOf(baseOf(wanted)) !== login.api)
    throw new CommandError(`logged in at ${login.api}, not at ${wanted}: run mcpshield login --api ${wanted}`)
  return login
}

/** Requests by the login; what it refuses is asked once more with new tokens. */
export function loggedIn(world: World, login: Login): RestApi {
  let current = login
  const base = openBase(world, { api: login.api })
  return {
    address: login.api,
    async request(...request) {
      current = await currentLogin(world, current)
      const answered = await apiOf(base, current.access_token).request(...request)
      if (answered.status !== 401) return answered
      current = await currentLogin(world, current, current.access_token)
      return apiOf(base, current.access_token).request(...request)
    },
    async open(path, signal) {
      current = await currentLogin(world, current)
      const answered = await apiOf(base, current.access_token).open(path, signal)
      if (answered.status !== 401) return answered
      await answered.body?.cancel()
      current = await currentLogin(world, current, current.access_token)
      return apiOf(base, current.access_token).open(path, signal)
    },
  }
}
