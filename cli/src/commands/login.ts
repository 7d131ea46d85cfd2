// `mcpshield login`: a session of this machine's own, kept for the commands that follow.
import { loginFrom } from '../login.ts'
import { locked } from '../login-lock.ts'
import { loginPath, writeLogin } from '../login-file.ts'
import { openBase } from '../rest-api.ts'
import { addressOf, apiOf, detailOf, member, type Answered, type RestApi } from '../rest-client.ts'
import { askHidden, secretFromInput } from '../terminal.ts'
import { CommandError, DONE, NEGATIVE, write, type World } from '../world.ts'

export type LoginOptions = {
  api?: string
  email: string
  passwordStdin?: boolean
  otp?: string
  json?: boolean
}

const WITHIN_MS = 15_000

export async function login(world: World, options: LoginOptions): Promise<number> {
  const { email } = options
  const base = openBase(world, options)
  const password = await passwordOf(world, options)
  const answered = await signIn(world, apiOf(base), { email, password, remember_me: true }, options.otp)
  // A wrong password is an answer, not a fault of the server.
  if (answered.status === 401 || answered.status === 403)
    throw new CommandError(detailOf(answered.body), NEGATIVE)
  const made = loginFrom(addressOf(base), email, answered)
  await locked(loginPath(world), () => writeLogin(world, made))
  const shown = options.json
    ? JSON.stringify({ api: made.api, email })
    : `Logged in at ${made.api} as ${email}. The tokens are in ${loginPath(world)}.`
  await write(world.stdout, `${shown}\n`)
  return DONE
}

async function passwordOf(world: World, { passwordStdin }: LoginOptions): Promise<string> {
  if (passwordStdin === true) return secretFromInput(world)
  const password = world.environment.password ?? (await askHidden(world, 'Password: '))
  if (password !== undefined) return password
  throw new CommandError('there is no terminal to ask for the password: give --password-stdin')
}

/** The code of an authenticator app is asked for where the account wants one. */
async function signIn(world: World, api: RestApi, body: object, otp: string | undefined): Promise<Answered> {
  const ask = (code: string | undefined) =>
    api.request('POST', '/auth/login', { ...body, ...(code === undefined ? {} : { otp: code }) }, WITHIN_MS)
  const answered = await ask(otp)
  const wantsCode = answered.status === 401 && String(member(answered.body, 'type')).endsWith('mfa_required')
  if (!wantsCode || otp !== undefined) return answered
  const code = await askHidden(world, 'Code of your authenticator app: ')
  return code === undefined ? answered : ask(code)
}
