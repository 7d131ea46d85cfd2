// The login of this machine as commands use it: tokens are renewed before they are over, once, whoever else needs them.
import { locked } from './login-lock.ts'
import { loginPath, readLogin, removeLogin, writeLogin, type Login } from './login-file.ts'
import { apiOf, baseOf, member, refused, type Answered } from './rest-client.ts'
import { CommandError, SERVER, type World } from './world.ts'

/** A token that ends while a request is on its way is of no use. */
const RENEW_BEFORE_MS = 30_000
const RENEW_WITHIN_MS = 15_000

/** What the server gave at a login or a renewal, as it is kept. */
export function loginFrom(api: string, email: string, { status, body }: Answered): Login {
  const [access_token, refresh_token] = [member(body, 'access_token'), member(body, 'refresh_token')]
  const seconds = member(body, 'expires_in')
  if (
    status !== 200 ||
    typeof access_token !== 'string' ||
    typeof refresh_token !== 'string' ||
    typeof seconds !== 'number'
  )
    throw refused(status, body)
  return {
    api,
    email,
    access_token,
    refresh_token,
    expires_at: new Date(Date.now() + seconds * 1000).toISOString(),
  }
}

/** A login whose access token is good now. `used`: one that the server has just refused. */
export async function currentLogin(world: World, login: Login, used?: string): Promise<Login> {
  if (isGood(login, used)) return login
  return locked(loginPath(world), async () => {
    // Another command may have renewed it while this one waited.
    const newest = await readLogin(world)
    if (newest === undefined || newest.api !== login.api) throw over()
    return isGood(newest, used) ? newest : renew(world, newest)
  })
}

const isGood = ({ access_token, expires_at }: Login, used: string | undefined) =>
  access_token !== used && Date.parse(expires_at) - Date.now() > RENEW_BEFORE_MS

async function renew(world: World, login: Login): Promise<Login> {
  const { api, email, refresh_token } = login
  const answered = await apiOf(baseOf(api)).request(
    'POST',
    '/auth/refresh',
    { refresh_token },
    RENEW_WITHIN_MS,
  )
  if (answered.status === 401) {
    await removeLogin(world)
    throw over()
  }
  const renewed = loginFrom(api, email, answered)
  await writeLogin(world, renewed)
  return renewed
}

/** Only a person can mend this. */
export class LoginOver extends CommandError {}

function over(): CommandError {
  return new LoginOver('the login is over: run mcpshield login', SERVER)
}
