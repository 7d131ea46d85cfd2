// Contracts with an HTTP route → one OpenAPI 3.1 document. Nothing here is written by hand twice.
import type { Access, HttpRoute, RpcDef } from './define.ts'
import { live } from './live.ts'
import {
  answersOf,
  jsonValueSchema,
  problemSchema,
  refusalComponents,
  refusals,
  schemaOf,
  type Json,
  type Routed,
} from './openapi-answers.ts'

type ObjectSchema = Json & { properties?: Record<string, Json>; required?: string[] }

export type OpenApiOptions = { version: string; url: string }

const PATH_NAME = /\{([^}]+)\}/g
/** Requests that one caller has in a minute for each route, where the contract does not say otherwise. */
const DEFAULT_PER_MINUTE = 600

/** The document of every endpoint that has an HTTP route, and of the live record. */
export function openApiDocument(defs: readonly RpcDef[], { version, url }: OpenApiOptions): Json {
  const paths: Record<string, Json> = {}
  for (const def of defs) {
    if (!isRouted(def)) continue
    const path = (paths[def.http.path] ??= {})
    path[def.http.method.toLowerCase()] = operation(def)
  }
  paths[live.path] = { get: liveOperation() }
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
      responses: refusalComponents,
      securitySchemes,
    },
  }
}

const securitySchemes = {
  user: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'From POST /auth/login' },
  api_key: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'A project’s API key' },
  operator: {
    type: 'http',
    scheme: 'bearer',
    description: 'The operator’s token, of who runs the installation',
  },
}

/** Whether the endpoint is reached over HTTP. */
export function isRouted(def: RpcDef): def is Routed {
  return def.http !== undefined
}

/** Whether a route's input comes in the body; otherwise it comes in the query. */
export function hasBody({ method, body }: HttpRoute): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH' || body === true
}

/** How often one caller may ask in a minute. */
export function perMinuteOf({ perMinute = DEFAULT_PER_MINUTE }: HttpRoute): number {
  return perMinute
}

/** The properties of an endpoint's input, as JSON Schemas; none of an input that is one of several things. */
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
  const body = hasBody(http) ? bodyOf(input, rest) : undefined
  const parameter = (name: string, place: string, required: boolean, schema: unknown) => ({
    name,
    in: place,
    required,
    schema,
  })
  return {
    ...described(def),
    parameters: [
      ...inPath.map((name) => parameter(name, 'path', true, input.properties?.[name])),
      ...headers.map(([name, field]) => parameter(name, 'header', false, input.properties?.[field])),
      ...(hasBody(http)
        ? []
        : rest.map(([name, schema]) => parameter(name, 'query', isRequired(input, name), schema))),
    ],
    ...(body === undefined ? {} : { requestBody: body }),
    responses: answersOf(def, body !== undefined),
    security: security[def.access],
  }
}

const isRequired = (input: ObjectSchema, name: string) => input.required?.includes(name) ?? false

/** The body: what is not in the path or a header; an input that is one of several things is the body as it is. */
function bodyOf(input: ObjectSchema, rest: [string, Json][]): Json | undefined {
  if (input.properties === undefined && input.anyOf !== undefined)
    return { required: true, content: { 'application/json': { schema: input } } }
  if (rest.length === 0) return undefined
  const required = rest.map(([name]) => name).filter((name) => isRequired(input, name))
  const schema = {
    type: 'object',
    properties: Object.fromEntries(rest),
    required,
    additionalProperties: false,
  }
  return { required: required.length > 0, content: { 'application/json': { schema } } }
}

function described(def: Routed): Json {
  const [, service, name] = def.subject.split('.')
  const perMinute = perMinuteOf(def.http)
  return {
    operationId: name,
    tags: [service],
    summary: def.http.summary,
    description: [
      ...(def.right === undefined ? [] : [`Needs the right to ${def.right} in the organisation.`]),
      limitText(perMinute),
    ].join(' '),
    ...(def.right === undefined ? {} : { 'x-required-right': def.right }),
    'x-rate-limit': { per_minute: perMinute },
  }
}

const limitText = (perMinute: number) =>
  `A caller has ${perMinute.toLocaleString('en')} requests a minute here.`

function liveOperation(): Json {
  const { project_id } = (schemaOf(live.query, 'input') as ObjectSchema).properties ?? {}
  return {
    operationId: 'followAudits',
    tags: ['ingest'],
    summary: live.summary,
    description: `Events \`decision\` and \`outcome\`, whose data is a record of GET /audits as JSON. The stream ends with the session. ${limitText(live.perMinute)}`,
    'x-rate-limit': { per_minute: live.perMinute },
    parameters: [{ name: 'project_id', in: 'query', required: false, schema: project_id }],
    responses: {
      200: {
        description: 'Events until the client or the session ends',
        content: { 'text/event-stream': { schema: { type: 'string' } } },
      },
      ...refusals(
        [
          'UNAUTHENTICATED',
          'NOT_FOUND',
          'INVALID_ARGUMENT',
          'RATE_LIMITED',
          'INTERNAL',
          'UNAVAILABLE',
          'DEADLINE_EXCEEDED',
        ],
        false,
      ),
    },
    security: security.user,
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
