// Contracts with an HTTP route → one OpenAPI 3.1 document. Nothing here is written by hand twice.
import { z } from 'zod'
import type { Access, HttpRoute, RpcDef } from './define.ts'
import { ERRORS, type ErrorCode } from './errors.ts'
import { PROBLEM_TYPE } from './problem.ts'

type Json = Record<string, unknown>
type ObjectSchema = { properties?: Record<string, Json>; required?: string[] }
type Routed = RpcDef & { http: HttpRoute }

export type OpenApiOptions = { version: string; url: string }

const PATH_NAME = /\{([^}]+)\}/g

/** The document of every endpoint that has an HTTP route. */
export function openApiDocument(defs: readonly RpcDef[], { version, url }: OpenApiOptions): Json {
  const paths: Record<string, Json> = {}
  for (const def of defs) {
    if (!isRouted(def)) continue
    const path = (paths[def.http.path] ??= {})
    path[def.http.method.toLowerCase()] = operation(def)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'MCPShield API',
      version,
      description: 'Policies, permissions and audit between AI agents and real systems.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url }],
    paths,
    components: {
      schemas: { Problem: problemSchema, JsonValue: jsonValueSchema },
      securitySchemes: {
        user: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'From POST /auth/login' },
        api_key: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'A project’s API key' },
        operator: {
          type: 'http',
          scheme: 'bearer',
          description: 'The operator’s token, of who runs the installation',
        },
      },
    },
  }
}

/** Whether the endpoint is reached over HTTP. */
export function isRouted(def: RpcDef): def is Routed {
  return def.http !== undefined
}

/** Whether a route's input comes in the body; otherwise it comes in the query. */
export function hasBody({ method, body }: HttpRoute): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH' || body === true
}

/** The properties of an endpoint's input, as JSON Schemas. */
export function inputProperties(def: RpcDef): Record<string, Json> {
  return (schemaOf(def.input, 'input') as ObjectSchema).properties ?? {}
}

function operation(def: Routed): Json {
  const { http } = def
  const input = schemaOf(def.input, 'input') as ObjectSchema
  const inPath = [...http.path.matchAll(PATH_NAME)].map((match) => match[1] ?? '')
  const headers = Object.entries(http.headers ?? {})
  const elsewhere = new Set([...inPath, ...headers.map(([, name]) => name)])
  const rest = Object.entries(input.properties ?? {}).filter(([name]) => !elsewhere.has(name))
  const required = (name: string) => input.required?.includes(name) ?? false
  const body = {
    type: 'object',
    properties: Object.fromEntries(rest),
    required: rest.map(([name]) => name).filter(required),
    additionalProperties: false,
  }
  const [, service, name] = def.subject.split('.')
  return {
    operationId: name,
    tags: [service],
    summary: http.summary,
    parameters: [
      ...inPath.map((each) => ({ name: each, in: 'path', required: true, schema: input.properties?.[each] })),
      ...headers.map(([header, each]) => ({
        name: header,
        in: 'header',
        required: false,
        schema: input.properties?.[each],
      })),
      ...(hasBody(http)
        ? []
        : rest.map(([each, schema]) => ({ name: each, in: 'query', required: required(each), schema }))),
    ],
    ...(hasBody(http) && rest.length > 0
      ? {
          requestBody: {
            required: body.required.length > 0,
            content: { 'application/json': { schema: body } },
          },
        }
      : {}),
    responses: { ...success(def), ...failures(def) },
    security: security[def.access],
  }
}

const security: Record<Access, Json[]> = {
  public: [],
  user: [{ user: [] }],
  api_key: [{ api_key: [] }],
  user_or_key: [{ user: [] }, { api_key: [] }],
  operator: [{ operator: [] }],
  internal: [],
}

function success({ http, output }: Routed): Json {
  const status = http.status ?? 200
  if (status === 204) return { 204: { description: 'Done' } }
  const etag = { ETag: { schema: { type: 'string' }, description: 'For If-Match of a later change' } }
  return {
    [status]: {
      description: 'Done',
      ...(http.etag === undefined ? {} : { headers: etag }),
      content: { 'application/json': { schema: schemaOf(output, 'output') } },
    },
  }
}

function failures(def: Routed): Json {
  const codes: ErrorCode[] = [
    ...def.errors,
    'INVALID_ARGUMENT',
    'INTERNAL',
    'UNAVAILABLE',
    'DEADLINE_EXCEEDED',
  ]
  const byStatus = new Map<number, string>()
  for (const code of codes) byStatus.set(ERRORS[code].status, ERRORS[code].title)
  return Object.fromEntries(
    [...byStatus].map(([status, description]) => [
      status,
      { description, content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } } },
    ]),
  )
}

const fieldError = { type: 'object', properties: { path: { type: 'string' }, message: { type: 'string' } } }
const problemSchema = {
  type: 'object',
  description: 'RFC 9457 problem details',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    errors: { type: 'array', items: fieldError },
    diagnostics: { type: 'array', items: { type: 'object' } },
    request_id: { type: 'string' },
  },
  required: ['type', 'title', 'status', 'detail'],
}

const JSON_VALUE = '#/components/schemas/JsonValue'
const jsonValueSchema = {
  anyOf: [
    ...['string', 'number', 'boolean', 'null'].map((type) => ({ type })),
    { type: 'array', items: { $ref: JSON_VALUE } },
    { type: 'object', propertyNames: { type: 'string' }, additionalProperties: { $ref: JSON_VALUE } },
  ],
}

/** The JSON Schema of a message. The one schema that refers to itself, `z.json()`, is the document's own. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  const text = JSON.stringify(rest).replaceAll(/#\/\$defs\/__schema\d+/g, JSON_VALUE)
  const { $defs = {}, ...inlined } = JSON.parse(text) as Json & { $defs?: Json }
  for (const def of Object.values($defs)) {
    if (JSON.stringify(def) !== JSON.stringify(jsonValueSchema))
      throw new Error('a message refers to itself: its schema needs a name in the OpenAPI document')
  }
  return inlined
}
