// A server that speaks as the product's REST API does: sessions with tokens that are good once, and a project's approvals.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export type Asked = {
  method: string
  path: string
  authorization: string | undefined
  ifMatch: string | undefined
  body: unknown
}
export type Answer = { status: number; body?: unknown }

export type RestServer = AsyncDisposable & {
  url: string
  asked: Asked[]
  /** Answers in the place of its own, by `METHOD path`. */
  answers: Map<string, Answer>
  /** What no answer is given for; undefined where this has none either. */
  otherwise: (asked: Asked) => Answer | undefined
  /** How long access tokens are good, in seconds. */
  goodForSeconds: number
  /** A token that is good. */
  token(): string
  /** Makes every access token so far a bad one. */
  forgetTokens(): void
  /** Whether a refresh token was used twice, which ends the session. */
  ended: boolean
}

export const PASSWORD = 'orange-kettle-walks-28'

export async function startRestServer(): Promise<RestServer> {
  let count = 0
  let access = new Set<string>()
  let refresh = ''
  const session = (): Answer => {
    count += 1
    refresh = `refresh-${count}`
    access.add(`access-${count}`)
    const tokens = { access_token: `access-${count}`, refresh_token: refresh, token_type: 'Bearer' }
    return { status: 200, body: { ...tokens, expires_in: state.goodForSeconds, user: {} } }
  }
  const problem = (status: number, detail: string, type = 'about:blank'): Answer => ({
    status,
    body: { type, title: 'A problem', status, detail },
  })
  const handlers: Record<string, (body: Record<string, unknown>) => Answer> = {
    'POST /auth/login': ({ password }) =>
      password === PASSWORD ? session() : problem(401, 'The address or the password is wrong.'),
    'POST /auth/refresh': ({ refresh_token }) => {
      if (refresh_token === refresh && !state.ended) return session()
      state.ended = true
      return problem(401, 'The session is over.')
    },
  }
  const answer = (asked: Asked): Answer => {
    const key = `${asked.method} ${asked.path}`
    const given = state.answers.get(key)
    const open = handlers[key]
    if (open !== undefined) return given ?? open(asked.body as Record<string, unknown>)
    if (!access.has(asked.authorization?.replace('Bearer ', '') ?? '')) return problem(401, 'Sign in first.')
    return given ?? state.otherwise(asked) ?? problem(404, 'There is nothing.')
  }
  const server = createServer((request, response) => {
    void askedBy(request).then((asked) => {
      state.asked.push(asked)
      const { status, body } = answer(asked)
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(body === undefined ? undefined : JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const state: RestServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    answers: new Map(),
    otherwise: () => undefined,
    goodForSeconds: 900,
    ended: false,
    token() {
      access.add('a-token')
      return 'a-token'
    },
    forgetTokens: () => (access = new Set()),
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  }
  return state
}

async function askedBy(request: IncomingMessage): Promise<Asked> {
  const body = await text(request)
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    authorization: request.headers.authorization,
    ifMatch: request.headers['if-match'],
    body: body === '' ? undefined : (JSON.parse(body) as unknown),
  }
}
