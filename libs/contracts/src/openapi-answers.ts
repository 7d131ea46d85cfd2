// What an endpoint may answer, for the OpenAPI document.
import { z } from 'zod'
import type { HttpRoute, HttpStream, RpcDef } from './define.ts'
import { ERRORS, type ErrorCode } from './errors.ts'
import { PROBLEM_TYPE } from './problem.ts'

export type Json = Record<string, unknown>
export type Routed = RpcDef & { http: HttpRoute }

/** Every answer of an endpoint, by status. */
export function answersOf(def: Routed, takesBody: boolean): Json {
  return { ...success(def), ...refusals(codesOf(def), takesBody) }
}

function success({ http, output }: Routed): Json {
  const status = http.status ?? 200
  if (status === 204) return { 204: { description: 'Done' } }
  return {
    [status]: {
      description: status === 202 ? 'Accepted' : status === 201 ? 'Made' : 'Done',
      ...successHeaders(http),
      content:
        http.stream === undefined
          ? { 'application/json': { schema: schemaOf(output, 'output') } }
          : streamed(http.stream),
    },
  }
}

function streamed(stream: HttpStream): Json {
  if ('events' in stream) {
    const events = schemaOf(stream.events, 'output')
    return { 'text/event-stream': { schema: { ...text, 'x-event-data': events } } }
  }
  return Object.fromEntries(Object.values(stream.types).map(({ type }) => [bare(type), { schema: text }]))
}

const text = { type: 'string' }
/** A media type without its parameters. */
const bare = (type: string) => type.split(';')[0] ?? type

function successHeaders(http: HttpRoute): Json {
  if (http.stream !== undefined && 'filename' in http.stream)
    return { headers: { 'Content-Disposition': header('Name of the file to save', text) } }
  if (http.etag !== undefined)
    return { headers: { ETag: header('Of this version: for If-Match of a later change', text) } }
  return {}
}

function header(description: string, schema: Json): Json {
  return { description, schema }
}

function codesOf(def: RpcDef): Set<ErrorCode> {
  const always: ErrorCode[] = [
    'INVALID_ARGUMENT',
    'RATE_LIMITED',
    'INTERNAL',
    'UNAVAILABLE',
    'DEADLINE_EXCEEDED',
  ]
  return new Set([
    ...def.errors,
    ...(def.access === 'public' ? [] : (['UNAUTHENTICATED'] as const)),
    ...(def.right === undefined ? [] : (['PERMISSION_DENIED'] as const)),
    ...always,
  ])
}

/** Refusals with these codes, by status; `takesBody` adds those of a body that is no JSON or too large. */
export function refusals(codes: Iterable<ErrorCode>, takesBody: boolean): Json {
  const named = (status: number, name: string): [string, Json] => [
    String(status),
    { $ref: `#/components/responses/${name}` },
  ]
  return Object.fromEntries<Json>([
    ...[...codes].map((code) => named(ERRORS[code].status, code)),
    ...(takesBody ? [named(413, 'BODY_TOO_LARGE'), named(415, 'UNSUPPORTED_MEDIA_TYPE')] : []),
  ])
}

const problem = (description: string): Json => ({
  description,
  content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
})

const whole = { type: 'integer', minimum: 0 }
const retryAfter = { 'Retry-After': header('Seconds after which another try makes sense', whole) }
const limited = {
  ...retryAfter,
  'RateLimit-Limit': header('Requests that the caller has in a minute', whole),
  'RateLimit-Remaining': header('Requests that are left of them', whole),
  'RateLimit-Reset': header('Seconds until the minute is over', whole),
}

/** What operations refer to: each refusal once. */
export const refusalComponents: Json = {
  ...Object.fromEntries(Object.entries(ERRORS).map(([code, { title }]) => [code, problem(title)])),
  RATE_LIMITED: { ...problem(ERRORS.RATE_LIMITED.title), headers: limited },
  UNAVAILABLE: { ...problem(ERRORS.UNAVAILABLE.title), headers: retryAfter },
  BODY_TOO_LARGE: problem('The body is too large'),
  UNSUPPORTED_MEDIA_TYPE: problem('Unsupported media type'),
}

const fieldError = {
  type: 'object',
  properties: { path: text, message: text },
  required: ['path', 'message'],
}
export const problemSchema = {
  type: 'object',
  description: 'RFC 9457 problem details',
  properties: {
    type: text,
    title: text,
    status: { type: 'integer' },
    detail: text,
    errors: { type: 'array', items: fieldError },
    diagnostics: { type: 'array', items: { type: 'object' } },
    request_id: text,
  },
  required: ['type', 'title', 'status', 'detail'],
}

const JSON_VALUE = '#/components/schemas/JsonValue'
export const jsonValueSchema = {
  anyOf: [
    ...['string', 'number', 'boolean', 'null'].map((type) => ({ type })),
    { type: 'array', items: { $ref: JSON_VALUE } },
    { type: 'object', propertyNames: { type: 'string' }, additionalProperties: { $ref: JSON_VALUE } },
  ],
}

/** The JSON Schema of a message. The one schema that refers to itself, `z.json()`, is the document's own. */
export function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  const replaced = JSON.stringify(rest).replaceAll(/#\/\$defs\/__schema\d+/g, JSON_VALUE)
  const { $defs = {}, ...inlined } = JSON.parse(replaced) as Json & { $defs?: Json }
  for (const def of Object.values($defs)) {
    if (JSON.stringify(def) !== JSON.stringify(jsonValueSchema))
      throw new Error('a message refers to itself: its schema needs a name in the OpenAPI document')
  }
  return inlined
}
