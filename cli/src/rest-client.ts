// The product's REST API over HTTP: one request, one answer, a sentence for whatever goes wrong.
import { printable } from './printable.ts'
import { CommandError, SERVER, USAGE } from './world.ts'

export type Answered = { status: number; body: unknown }

export type RestApi = {
  /** Where it is. */
  address: string
  request(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body: object | undefined,
    timeoutMs: number,
    headers?: Record<string, string>,
  ): Promise<Answered>
  /** An answer without end, as it comes, until the signal. */
  open(path: string, signal: AbortSignal): Promise<Response>
}

const MAX_ANSWER_BYTES = 32 * 1024 * 1024

export function baseOf(url: string): URL {
  const base = URL.parse(url)
  if (base === null || !/^https?:$/.test(base.protocol) || base.username !== '' || base.password !== '')
    throw new CommandError(`${JSON.stringify(url)} is not the http or https address of an API`, USAGE)
  return base
}

/** What is sent there does not leave this machine. */
export const isThisMachine = ({ hostname }: URL) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)

/** As it is written down and compared: without a slash at its end. */
export const addressOf = (base: URL) => base.href.replace(/\/$/, '')

/** An access token of a person's, or a key of a project's. */
export type Credential = string | { apiKey: string }

/** The API for whoever has the credential; for nobody without one. */
export function apiOf(base: URL, credential?: Credential): RestApi {
  const address = addressOf(base)
  return {
    address,
    request: (method, path, body, timeoutMs, headers = {}) =>
      reached(base, async () => {
        const response = await fetch(address + path, {
          method,
          headers: {
            ...headers,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...credentialHeaders(credential),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          redirect: 'error',
          signal: AbortSignal.timeout(timeoutMs),
        })
        return { status: response.status, body: await bodyFrom(response) }
      }),
    open: (path, signal) =>
      reached(base, () =>
        fetch(address + path, {
          headers: { accept: 'text/event-stream', ...credentialHeaders(credential) },
          redirect: 'error',
          signal,
        }),
      ),
  }
}

/** A redirect would carry the credential to wherever it points, and is a fault as any other. */
async function reached<T>(base: URL, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new CommandError(`${base.origin} cannot be reached: ${reasonOf(error)}`, SERVER)
  }
}

function credentialHeaders(credential: Credential | undefined): Record<string, string> {
  if (credential === undefined) return {}
  if (typeof credential === 'string') return { authorization: `Bearer ${credential}` }
  return { 'x-api-key': credential.apiKey }
}

/** The JSON of an answer that comes to an end; undefined when it is none. */
export async function bodyFrom(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > MAX_ANSWER_BYTES) throw new Error('it answers without end')
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    return undefined
  }
}

/** Why a request came to nothing, as far as it is known. */
export function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code || message : message
}

/** The error of an answer that is not what was asked for. */
export function refused(status: number, body: unknown): CommandError {
  return new CommandError(`the server answered ${status}: ${detailOf(body)}`, SERVER)
}

/** What an answer says of itself, as a sentence. */
export function detailOf(body: unknown): string {
  const detail = member(body, 'detail') ?? member(body, 'title')
  return typeof detail === 'string' ? printable(detail) : 'it is no answer of this API'
}

/** A member of what may be anything. */
export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
