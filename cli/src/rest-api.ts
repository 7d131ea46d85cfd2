// The product's REST API, as a command speaks to it: one request, one answer, a sentence for whatever goes wrong.
import { CommandError, SERVER, USAGE, type World } from './world.ts'

export type Answered = { status: number; body: unknown }

export type RestApi = {
  post(path: string, body: object, timeoutMs: number): Promise<Answered>
}

export type Account = { api?: string; email?: string }

const LOGIN_WITHIN_MS = 15_000
const MAX_ANSWER_BYTES = 32 * 1024 * 1024

/** The API for whoever the options and the environment say: by a token, or by logging in. */
export async function openRestApi({ environment, stderr }: World, account: Account): Promise<RestApi> {
  const base = baseOf(account.api ?? environment.apiUrl)
  if (base.protocol === 'http:' && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(base.hostname))
    stderr.write(`mcpshield: ${base.origin} is not https: others can read what is sent\n`)
  if (account.email === undefined) {
    if (environment.token === undefined)
      throw new CommandError('set MCPSHIELD_TOKEN, or give --email and set MCPSHIELD_PASSWORD')
    return apiOf(base, environment.token)
  }
  if (environment.password === undefined)
    throw new CommandError('--email needs the password in MCPSHIELD_PASSWORD')
  const credentials = { email: account.email, password: environment.password }
  const { status, body } = await apiOf(base, undefined).post('/auth/login', credentials, LOGIN_WITHIN_MS)
  const token = member(body, 'access_token')
  if (status !== 200 || typeof token !== 'string') throw refused(status, body)
  return apiOf(base, token)
}

function baseOf(url: string): URL {
  const base = URL.parse(url)
  if (base === null || !/^https?:$/.test(base.protocol) || base.username !== '' || base.password !== '')
    throw new CommandError(`${JSON.stringify(url)} is not the http or https address of an API`, USAGE)
  return base
}

function apiOf(base: URL, token: string | undefined): RestApi {
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  }
  return {
    async post(path, body, timeoutMs) {
      const url = base.href.replace(/\/$/, '') + path
      try {
        // A redirect would carry the token to wherever it points.
        const response = await fetch(url, {
          method: 'POST',
          headers,
          body: JSON.stringify(body),
          redirect: 'error',
          signal: AbortSignal.timeout(timeoutMs),
        })
        return { status: response.status, body: parse(await bounded(response)) }
      } catch (error) {
        throw new CommandError(`${base.origin} cannot be reached: ${reasonOf(error)}`, SERVER)
      }
    },
  }
}

async function bounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > MAX_ANSWER_BYTES) throw new Error('it answers without end')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code || message : message
}

/** The error of an answer that is not what was asked for. */
export function refused(status: number, body: unknown): CommandError {
  const detail = member(body, 'detail') ?? member(body, 'title')
  const said = typeof detail === 'string' ? detail : 'it is no answer of this API'
  return new CommandError(`the server answered ${status}: ${said}`, SERVER)
}

/** A member of what may be anything. */
export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
