// One case of raw abuse: a request as it stands on the wire, and what must become of it. The form is that of the product's
// common case files, one JSON document a line.
import { gzipSync } from 'node:zlib'
import type { RecordedCall } from '../mcp/fixture-server.ts'
import { sendRaw, type RawAnswer } from './raw-http.ts'

export type McpCase = {
  id: string
  description: string
  request: {
    method: string
    path: string
    headers: Record<string, string | string[]>
    /** One of these; none is no body. */
    body?: unknown
    bodyRaw?: string | null
    bodyHex?: string
    bodyGen?: GeneratedBody
    /** Somebody else asks at the same time, with this id. */
    concurrentWith?: { client: 'B'; id: number }
  }
  expect: {
    decision: 'accept' | 'reject' | 'policy-deny' | 'either'
    status: number[]
    /** Codes that an error may have; `isError`: a tool's result may say it. None named: any code. */
    jsonrpcErrors: (number | 'isError')[]
    /** Null: either. */
    toolRan: boolean | null
    mustNotRun?: string[]
    /** Members that must not reach the server under this name. */
    mustNotForward?: string[]
    header?: Record<string, 'present'>
    orConnectionClosed?: boolean
    responseMustBelongTo?: 'A'
  }
}

export type GeneratedBody =
  | { kind: 'gzip-spaces'; bytes: number }
  /** A call whose arguments are objects in objects, so many. */
  | { kind: 'deep-args'; depth: number }
  | { kind: 'deep-arrays'; depth: number }
  /** A call with one argument of so many letters. */
  | { kind: 'long-argument'; letters: number }
  /** A call with so many arguments. */
  | { kind: 'many-arguments'; count: number }

/** What `{{NAME}}` stands for. */
export type Placeholders = Record<string, string>

export type CaseWorld = {
  port: number
  /** Of the upstream behind `/mcp/{upstream}`. */
  slug: string
  placeholders: Placeholders
  /** What reached the upstream since it was last forgotten. */
  calls(): RecordedCall[]
  forget(): void
}

/** What is wrong with the gateway's answer; empty when nothing is. */
export async function problemsOf(world: CaseWorld, raw: McpCase): Promise<string[]> {
  const { request, expect } = filled(raw, world.placeholders)
  world.forget()
  const path = request.path.replace(/^\/mcp/i, (start) => `${start}/${world.slug}`)
  const send = (headers: typeof request.headers, body: Buffer) =>
    sendRaw(world.port, { method: request.method, path, headers, body })
  const [answer, other] = await Promise.all([
    send(request.headers, bodyOf(request)),
    request.concurrentWith === undefined
      ? undefined
      : send({ ...request.headers, ...asOther(world.placeholders) }, othersBody(request.concurrentWith.id)),
  ])
  return [
    ...answerProblems(answer, expect),
    ...runProblems(ranTools(world.calls(), other === undefined ? [] : [OTHERS_TEXT]), expect),
    ...forwardProblems(world.calls(), expect),
    ...(other === undefined ? [] : ownershipProblems(answer, other, request)),
  ]
}

function answerProblems(answer: RawAnswer, expect: McpCase['expect']): string[] {
  const { status, headers } = answer
  if (status === undefined)
    return expect.orConnectionClosed === true ? [] : ['the connection was closed without an answer']
  const told = answer.messages.at(-1)
  const error = told?.['error'] as { code: number } | undefined
  const isError = (told?.['result'] as { isError?: boolean } | undefined)?.isError === true
  const codes = expect.jsonrpcErrors
  const wants = expect.decision
  return [
    ...(expect.status.includes(status)
      ? []
      : [`status ${status}, not one of ${expect.status.join(', ')}: ${answer.body.slice(0, 300)}`]),
    ...(error !== undefined && codes.length > 0 && !codes.includes(error.code)
      ? [`error ${error.code}, not one of ${codes.join(', ')}`]
      : []),
    ...(isError && !codes.includes('isError') ? ['a result with isError'] : []),
    ...(wants === 'accept' && (error !== undefined || isError)
      ? [`was to be accepted: ${answer.body.slice(0, 300)}`]
      : []),
    ...((wants === 'reject' || wants === 'policy-deny') && told?.['result'] !== undefined && !isError
      ? [`was to be refused: ${answer.body.slice(0, 300)}`]
      : []),
    ...Object.keys(expect.header ?? {}).flatMap((name) =>
      headers[name] === undefined ? [`no header ${name}`] : [],
    ),
  ]
}

function runProblems(ran: string[], { toolRan, mustNotRun = [] }: McpCase['expect']): string[] {
  return [
    ...(toolRan === false && ran.length > 0 ? [`ran ${ran.join(', ')}`] : []),
    ...(toolRan === true && ran.length !== 1 ? [`ran ${ran.length} tools, not one`] : []),
    ...mustNotRun.filter((name) => ran.includes(name)).map((name) => `ran ${name}`),
  ]
}

function forwardProblems(calls: RecordedCall[], { mustNotForward = [] }: McpCase['expect']): string[] {
  return mustNotForward
    .filter((name) => calls.some(({ body }) => body.includes(JSON.stringify(name))))
    .map((name) => `forwarded ${name}`)
}

const OTHERS_TEXT = 'the text of the other client'

function ownershipProblems(answer: RawAnswer, other: RawAnswer, request: McpCase['request']): string[] {
  const own = (request.body as { params: { arguments: { text: string } } }).params.arguments.text
  return [
    ...(answer.body.includes(OTHERS_TEXT) || !answer.body.includes(JSON.stringify(own))
      ? ['the answer is not its own']
      : []),
    ...(other.body.includes(OTHERS_TEXT)
      ? []
      : [`the other client’s answer is not its own: ${other.body.slice(0, 200)}`]),
  ]
}

function ranTools(calls: RecordedCall[], apartFrom: string[]): string[] {
  return calls
    .filter(({ method, body }) => method === 'tools/call' && !apartFrom.some((text) => body.includes(text)))
    .map(({ params }) => String((params as { name?: unknown } | undefined)?.name))
}

function asOther({ TOKEN_B, SESSION_B }: Placeholders): Record<string, string> {
  return { authorization: `Bearer ${TOKEN_B}`, 'mcp-session-id': SESSION_B ?? '' }
}

function othersBody(id: number): Buffer {
  const params = { name: 'safe_echo', arguments: { text: OTHERS_TEXT } }
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }))
}

function bodyOf({ body, bodyRaw, bodyHex, bodyGen }: McpCase['request']): Buffer {
  if (bodyGen !== undefined) return generated(bodyGen)
  if (bodyHex !== undefined) return Buffer.from(bodyHex, 'hex')
  if (bodyRaw !== undefined) return Buffer.from(bodyRaw ?? '')
  return Buffer.from(body === undefined ? '' : JSON.stringify(body))
}

function generated(body: GeneratedBody): Buffer {
  switch (body.kind) {
    case 'gzip-spaces':
      return gzipSync(Buffer.alloc(body.bytes, ' '))
    case 'deep-args':
      return callWith(`${'{"a":'.repeat(body.depth)}1${'}'.repeat(body.depth)}`)
    case 'deep-arrays':
      return callWith(`{"a":${'['.repeat(body.depth)}${']'.repeat(body.depth)}}`)
    case 'long-argument':
      return callWith(`{"text":"${'x'.repeat(body.letters)}"}`)
    case 'many-arguments':
      return callWith(
        JSON.stringify(Object.fromEntries(Array.from({ length: body.count }, (_, n) => [`a${n}`, n]))),
      )
    default:
      throw new Error(`nobody knows how to make the body ${JSON.stringify(body satisfies never)}`)
  }
}

function callWith(args: string): Buffer {
  return Buffer.from(
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe_echo","arguments":${args}}}`,
  )
}

function filled(raw: McpCase, placeholders: Placeholders): McpCase {
  const text = JSON.stringify(raw).replace(/\{\{([A-Z_]+)\}\}/g, (all, name: string) => {
    const value = placeholders[name]
    if (value === undefined) throw new Error(`nothing is known to stand for ${all}`)
    return JSON.stringify(value).slice(1, -1)
  })
  return JSON.parse(text) as McpCase
}
