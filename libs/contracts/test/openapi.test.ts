import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, test } from 'vitest'
import { hasBody, inputProperties, isRouted, openApiDocument } from '../src/openapi.ts'
import { contracts } from '../src/surface.ts'

type Answer = { description: string; content?: object; headers?: object; $ref?: string }
type Operation = {
  operationId: string
  summary: string
  description: string
  parameters: { name: string; in: string; required: boolean; schema?: object }[]
  requestBody?: { required: boolean; content: Record<string, { schema: { anyOf?: object[] } }> }
  responses: Record<string, Answer>
  security: object[]
  'x-required-right'?: string
  'x-rate-limit'?: object
}

const defs = contracts.flatMap((contract) => Object.values(contract.rpc))
const document = openApiDocument(defs, { version: '0.0.0', url: 'http://localhost:8000' })
const operations = Object.entries(document.paths as Record<string, Record<string, Operation>>).flatMap(
  ([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
)
const operationOf = (name: string): Operation => {
  const found = operations.find((each) => each.name === name)
  if (found === undefined) throw new Error(`${name} is not in the document`)
  return found.operation
}

const refusals = (document.components as { responses: Record<string, Answer> }).responses
const resolved = (answer: Answer): Answer =>
  answer.$ref === undefined ? answer : refusals[answer.$ref.split('/').at(-1) ?? '']!

test('the REST API, as a document', async () => {
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('../golden/openapi.json')
})

test('the document is valid OpenAPI 3.1', async () => {
  const validator = new Validator()
  const result = await validator.validate(structuredClone(document))
  expect(result.errors ?? []).toEqual([])
  expect(result.valid).toBe(true)
  expect(validator.version).toBe('3.1')
})

test('the validator sees what is wrong', async () => {
  const broken = structuredClone(document) as {
    paths: Record<string, Record<string, { responses?: object }>>
  }
  broken.paths['/me']!.get = { ...broken.paths['/me']!.get, responses: { 200: {} } }
  expect((await new Validator().validate(broken)).valid).toBe(false)
})

test('every path parameter is a field of its endpoint’s input, and no internal endpoint has a route', () => {
  for (const def of defs) {
    if (def.access === 'internal') expect(def.http).toBeUndefined()
    const properties = Object.keys(inputProperties(def))
    for (const [, name] of def.http?.path.matchAll(/\{([^}]+)\}/g) ?? []) expect(properties).toContain(name)
    for (const name of Object.values(def.http?.headers ?? {})) expect(properties).toContain(name)
  }
})

test('no two endpoints share a method and path, and no two operations an id', () => {
  const routes = defs.flatMap(({ http }) => (http === undefined ? [] : [`${http.method} ${http.path}`]))
  expect(new Set(routes).size).toBe(routes.length)
  const ids = operations.map(({ operation }) => operation.operationId)
  expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([])
})

test('every reference leads to something in the document, and every schema is referred to', () => {
  const { schemas, responses } = document.components as { schemas: object; responses: object }
  const references = new Set(
    [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? ''),
  )
  const known = [
    ...Object.keys(schemas).map((name) => `#/components/schemas/${name}`),
    ...Object.keys(responses).map((name) => `#/components/responses/${name}`),
  ]
  expect([...references].sort()).toEqual(known.sort())
})

describe('each operation', () => {
  const routed = defs.filter(isRouted)
  const each = routed.map((def) => [`${def.http.method} ${def.http.path}`, def] as const)

  test.for(each)('%s says what it may answer', ([name, def]) => {
    const { responses } = operationOf(name)
    const statuses = Object.keys(responses)
    expect(statuses.filter((status) => status.startsWith('2'))).toEqual([String(def.http.status ?? 200)])
    expect(statuses).toEqual(expect.arrayContaining(['400', '429', '500', '503', '504']))
    expect(statuses.includes('401')).toBe(def.access !== 'public' || def.errors.includes('UNAUTHENTICATED'))
    if (def.right !== undefined) expect(statuses).toContain('403')
    for (const [status, answer] of Object.entries(responses)) {
      const { description, content } = resolved(answer)
      expect(description, status).not.toBe('')
      if (Number(status) >= 400) expect(Object.keys(content ?? {})).toEqual(['application/problem+json'])
    }
    for (const status of ['429', '503'])
      expect(Object.keys(resolved(responses[status]!).headers ?? {})).toContain('Retry-After')
  })

  test.for(each)('%s says what it takes and from whom', ([name, def]) => {
    const operation = operationOf(name)
    expect(operation['x-required-right']).toBe(def.right)
    expect(operation['x-rate-limit']).toEqual({ per_minute: def.http.perMinute ?? 600 })
    expect(operation.security.length === 0).toBe(def.access === 'public')
    expect(operation.requestBody !== undefined).toBe(operation.responses['413'] !== undefined)
    if (!hasBody(def.http)) expect(operation.requestBody).toBeUndefined()
    for (const parameter of operation.parameters) expect(parameter.schema, parameter.name).toBeDefined()
  })
})

test('a DELETE that asks for the password says so', () => {
  const { requestBody, parameters } = operationOf('DELETE /me')
  expect(requestBody).toMatchObject({
    required: true,
    content: { 'application/json': { schema: { required: ['password'] } } },
  })
  expect(parameters).toEqual([])
})

test('an input that is one of several things is the body as it is', () => {
  const schema = operationOf('POST /events/ingest').requestBody?.content['application/json']?.schema
  expect(schema?.anyOf).toHaveLength(2)
})

test('a change with If-Match names the header, and what it matches is an ETag', () => {
  const save = operationOf('PUT /projects/{project_id}/policy')
  expect(save.parameters.filter((each) => each.in === 'header').map((each) => each.name)).toEqual([
    'if-match',
  ])
  expect(Object.keys(save.responses)).toEqual(expect.arrayContaining(['412', '428']))
  const read = operationOf('GET /projects/{project_id}/policy')
  expect(Object.keys(read.responses['200']?.headers ?? {})).toEqual(['ETag'])
})

test('an export has its media types, the live record is an event stream', () => {
  const content = (name: string) => Object.keys(operationOf(name).responses['200']?.content ?? {})
  expect(content('GET /audits/export')).toEqual(['text/csv', 'application/jsonl'])
  expect(content('GET /audits/live')).toEqual(['text/event-stream'])
})

test('operators have a token of their own', () => {
  expect(operationOf('GET /admin/dead-letters').security).toEqual([{ operator: [] }])
})
