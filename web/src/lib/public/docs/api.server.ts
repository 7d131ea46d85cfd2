// The API reference, from the OpenAPI document that the API itself serves and a test pins.
import { fieldsOf, type Field, type Schema } from './api-fields.ts'
import { sourceText } from './sources.server.ts'

type Parameter = { name: string; in: 'path' | 'query' | 'header'; required?: boolean; schema: Schema }
type Media = { content?: Record<string, { schema?: Schema }> }
type Operation = {
  operationId: string
  summary: string
  'x-required-right'?: string
  'x-rate-limit'?: { per_minute: number }
  parameters: Parameter[]
  requestBody?: Media
  responses: Record<string, Media & { description?: string; $ref?: string }>
  security?: Record<string, unknown>[]
}
type OpenApi = {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; responses: Record<string, { description: string }> }
}

export type ApiInput = Field & { place: 'path' | 'query' | 'header' | 'body' }
export type ApiError = { status: string; code: string; meaning: string }
export type ApiOperation = {
  id: string
  method: string
  path: string
  summary: string
  /** Who may ask. */
  access: string
  right: string | undefined
  perMinute: number | undefined
  inputs: ApiInput[]
  /** The answer: its status, and its fields where it is JSON. */
  status: string
  outputs: Field[]
  media: string | undefined
  errors: ApiError[]
}
export type ApiGroup = { id: string; title: string; about: string; belongs: (path: string) => boolean }

const below = (path: string) => (each: string) => each === path || each.startsWith(`${path}/`)
const PROJECT = '/projects/{project_id}'

/** The first that an endpoint belongs to has it. */
const RULES: readonly ApiGroup[] = [
  {
    id: 'auth',
    title: 'Signing in',
    about: 'Registering, signing in, mailed codes, tokens.',
    belongs: (path) => below('/auth')(path) || path === '/.well-known/jwks.json',
  },
  {
    id: 'me',
    title: 'You',
    about: 'The signed-in person: profile, sessions, second factor, mails.',
    belongs: below('/me'),
  },
  {
    id: 'policies',
    title: 'Policies',
    about: 'Save, check, simulate, compare and roll back policies, of a project and of the organisation.',
    belongs: (path) => below(`${PROJECT}/policy`)(path) || path === '/organization/policy',
  },
  {
    id: 'organization',
    title: 'Organisation',
    about: 'Members, roles, invitations.',
    belongs: (path) => below('/organization')(path) || below('/organizations')(path),
  },
  { id: 'keys', title: 'API keys', about: 'Keys of a project.', belongs: below(`${PROJECT}/keys`) },
  {
    id: 'servers',
    title: 'Upstream servers',
    about: 'MCP servers behind the gateway, their tools and pins.',
    belongs: (path) => below(`${PROJECT}/upstreams`)(path) || below('/oauth')(path),
  },
  {
    id: 'connections',
    title: 'Connections',
    about: 'Systems that the built-in connectors reach.',
    belongs: below(`${PROJECT}/connections`),
  },
  {
    id: 'approvals',
    title: 'Approvals',
    about: 'Calls that wait for a person.',
    belongs: below(`${PROJECT}/approvals`),
  },
  {
    id: 'projects',
    title: 'Projects',
    about: 'Projects, their mode and their kill switch.',
    belongs: below('/projects'),
  },
  {
    id: 'decisions',
    title: 'Decisions and events',
    about: 'For programs that enforce by themselves.',
    belongs: (path) => below('/policy')(path) || below('/events')(path),
  },
  { id: 'audits', title: 'Audits', about: 'The record: read, follow, export.', belongs: below('/audits') },
  { id: 'usage', title: 'Usage', about: 'Events by month and by day.', belongs: below('/usage') },
  { id: 'billing', title: 'Billing', about: 'Plans, subscription, invoices.', belongs: below('/billing') },
  {
    id: 'assistant',
    title: 'Assistant',
    about: 'Drafts, analyses and advice, as event streams.',
    belongs: below('/ai'),
  },
  { id: 'operator', title: 'Operator', about: 'For who runs the installation.', belongs: below('/admin') },
]
export const API_GROUPS = RULES

const CREDENTIALS: Record<string, string> = {
  user: 'a person’s token',
  api_key: 'an API key',
  operator: 'the operator’s token',
}

const { paths, components } = JSON.parse(sourceText('libs/contracts/golden/openapi.json')) as OpenApi

const all = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => operationOf(path, method, operation)),
)

/** The operations of a group, as they stand in the document. */
export function operationsOf(group: string): ApiOperation[] {
  return all.filter(({ path }) => RULES.find(({ belongs }) => belongs(path))?.id === group)
}

export function operationsOfNoGroup(): string[] {
  return all.map(({ path }) => path).filter((path) => !RULES.some(({ belongs }) => belongs(path)))
}

function operationOf(path: string, method: string, operation: Operation): ApiOperation {
  const [status = '200', answer = {}] =
    Object.entries(operation.responses).find(([each]) => /^[23]/.test(each)) ?? []
  const [media, { schema } = {}] = Object.entries(answer.content ?? {})[0] ?? []
  return {
    id: operation.operationId,
    method: method.toUpperCase(),
    path,
    summary: operation.summary,
    access: accessOf(operation.security ?? []),
    right: operation['x-required-right'],
    perMinute: operation['x-rate-limit']?.per_minute,
    inputs: [...operation.parameters.map(parameterOf), ...bodyOf(operation.requestBody)],
    status,
    outputs: schema === undefined ? [] : fieldsOf(schema, components.schemas),
    media,
    errors: errorsOf(operation.responses),
  }
}

function parameterOf({ name, in: place, required = false, schema }: Parameter): ApiInput {
  const [field] = fieldsOf({ type: 'object', properties: { [name]: schema } }, components.schemas)
  return { name, type: 'text', notes: '', ...field, required, place }
}

function bodyOf(body: Media | undefined): ApiInput[] {
  const schema = body?.content?.['application/json']?.schema
  if (schema === undefined) return []
  return fieldsOf(schema, components.schemas).map((field) => ({ ...field, place: 'body' }))
}

function accessOf(security: Record<string, unknown>[]): string {
  const names = security.flatMap((each) => Object.keys(each)).map((name) => CREDENTIALS[name] ?? name)
  return names.length === 0 ? 'anyone' : names.join(' or ')
}

function errorsOf(responses: Operation['responses']): ApiError[] {
  return Object.entries(responses).flatMap(([status, { $ref }]) => {
    const code = $ref?.split('/').at(-1)
    if (code === undefined) return []
    return [{ status, code, meaning: components.responses[code]?.description ?? '' }]
  })
}
