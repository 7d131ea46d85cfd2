// `mcpshield logout`: ends the session at the server, and forgets it here whatever the server says.
import { loginPath, readLogin, removeLogin } from '../login-file.ts'
import { locked } from '../login-lock.ts'
import { loggedIn } from '../rest-api.ts'
import { refused } from '../rest-client.ts'
import { CommandError, DONE, NEGATIVE, SERVER, write, type World } from '../world.ts'

const WITHIN_MS = 15_000

export async function logout(world: World, options: { json?: boolean }): Promise<number> {
  const login = await readLogin(world)
  if (login === undefined) throw new CommandError('not logged in', NEGATIVE)
  const problem = await endSession(world, login)
  await locked(loginPath(world), () => removeLogin(world))
  if (problem !== undefined)
    throw new CommandError(`logged out here, but the server could not be told: ${problem}`, SERVER)
  const shown = options.json
    ? JSON.stringify({ api: login.api, email: login.email })
    : `Logged out of ${login.api}.`
  await write(world.stdout, `${shown}\n`)
  return DONE
}

/** Why the session may still be open; undefined when it is not. */
async function endSession(world: World, login: Parameters<typeof loggedIn>[1]): Promise<string | undefined> {
  try {
    const { status, body } = await loggedIn(world, login).request(
      'POST',
      '/auth/logout',
      undefined,
      WITHIN_MS,
    )
    // Refused, with new tokens too: then there is no session any more.
    return status === 204 || status === 401 ? undefined : refused(status, body).message
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    // The tokens could not be renewed because the session is over: then the login is gone already.
    return (await readLogin(world)) === undefined ? undefined : error.message
  }
}
