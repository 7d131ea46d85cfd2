// The public API, called by its contracts: the same shapes as on the bus, over HTTP, with the person's token.
import type { Input, Output, RpcDef } from '@mcpshield/contracts/define'
import type { Problem } from '@mcpshield/contracts/problem'
import { apiUrl } from './config.ts'

const TIMEOUT_MS = 30_000
/** Beyond what the API itself waits for the owner of an endpoint. */
const GRACE_MS = 5_000

/** Calls an endpoint of the contracts. Throws an ApiError with the API's own words when it refuses. */
export type Api = <D extends RpcDef>(def: D, input: Input<D>) => Promise<Output<D>>

/** Who the browser is to the API: shown in the list of sessions, counted by limits. */
export type Browser = { address: string; userAgent: string | null }

/** The API refused, or could not be reached (503). */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** The stable name of the case: `email_not_verified`, `stale`, … */
  readonly type: string
  /** What is wrong with which field, by its dotted path. */
  readonly errors: Record<string, string>
  readonly diagnostics: unknown[]
  readonly retryAfterSeconds: number | undefined

  constructor(problem: Partial<Problem> & { status: number }, retryAfterSeconds?: number) {
    super(problem.detail ?? problem.title ?? 'The API did not say why.')
    this.status = problem.status
    this.type = (problem.type ?? '').replace('urn:mcpshield:error:', '')
    this.errors = Object.fromEntries((problem.errors ?? []).map(({ path, message }) => [path, message]))
    this.diagnostics = problem.diagnostics ?? []
    this.retryAfterSeconds = retryAfterSeconds
  }
}

export function apiFor(browser: Browser, accessToken: string | undefined): Api {
  return async <D extends RpcDef>(def: D, input: Input<D>) => {
    const { http } = def
    if (http === undefined) throw new Error(`${def.subject} has no HTTP route.`)
    const { url, headers, body } = requestOf(http, input as Record<string, unknown>)
    const response = await request(url, {
      method: http.method,
      headers: {
        ...headersOf(browser, accessToken),
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(Math.max(TIMEOUT_MS, (def.timeoutMs ?? 0) + GRACE_MS)),
    })
    if (response.status === 204) return undefined as Output<D>
    return (await response.json()) as Output<D>
  }
}

/** An answer that is passed on as it comes: live events, exports. With a body it is asked for by POST. */
export function streamFromApi(
  path: string,
  browser: Browser,
  accessToken: string,
  signal: AbortSignal,
  body?: object,
): Promise<Response> {
  const headers = headersOf(browser, accessToken)
  const url = new URL(path, apiUrl())
  if (body === undefined) return request(url, { headers, signal })
  const json = { ...headers, 'content-type': 'application/json' }
  return request(url, { method: 'POST', headers: json, body: JSON.stringify(body), signal })
}

function headersOf({ address, userAgent }: Browser, accessToken: string | undefined): Record<string, string> {
  return {
    'x-forwarded-for': address,
    ...(userAgent === null ? {} : { 'user-agent': userAgent }),
    ...(accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }),
  }
}

async function request(url: URL, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: 'error' }).catch((cause: unknown) => {
    const late = cause instanceof DOMException && cause.name === 'TimeoutError'
    throw new ApiError({
      status: late ? 504 : 503,
      type: 'unavailable',
      detail: late ? 'The API did not answer in time.' : 'The API cannot be reached.',
    })
  })
  if (response.ok) return response
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
  const problem = (await response.json().catch(() => ({}))) as Partial<Problem>
  throw new ApiError(
    { ...problem, status: response.status },
    Number.isFinite(retryAfter) ? retryAfter : undefined,
  )
}

type Route = NonNullable<RpcDef['http']>

/** Fields named in the path go there, those of headers there, the rest into the query or the body. */
function requestOf(
  { method, path, headers = {}, body: hasBody }: Route,
  input: Record<string, unknown>,
): { url: URL; headers: Record<string, string>; body: Record<string, unknown> | undefined } {
  const rest = { ...input }
  const take = (name: string) => {
    const value = rest[name]
    delete rest[name]
    return value
  }
  const filled = path.replace(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(String(take(name))))
  const sent: Record<string, string> = {}
  for (const [header, name] of Object.entries(headers)) {
    const value = take(name)
    if (value !== undefined) sent[header] = header === 'if-match' ? `"${String(value)}"` : String(value)
  }
  const url = new URL(filled, apiUrl())
  if (method !== 'GET' && (method !== 'DELETE' || hasBody === true)) return { url, headers: sent, body: rest }
  for (const [name, value] of Object.entries(rest))
    if (value !== undefined && value !== null) url.searchParams.set(name, String(value))
  return { url, headers: sent, body: undefined }
}
