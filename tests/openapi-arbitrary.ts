// Requests made from the OpenAPI document: good ones, those with one thing wrong, and hostile ones.
import fc from 'fast-check'
import type { Schema } from './json-schema.ts'
import type { Operation, Parameter } from './openapi.ts'
import { hostileText, strangeValue, valueOf, type Schemas } from './schema-arbitrary.ts'

export type MadeRequest = {
  path: string
  headers: Record<string, string>
  /** As it is sent. */
  body: string | undefined
}

/**
 * Requests of an operation: half of them as they should be, half with something in the way. `known` are real ids by
 * parameter name, `sample` makes a body that is good where the schema does not say all that must hold.
 */
export function requestOf(
  operation: Operation,
  schemas: Schemas,
  { known, sample }: { known: Record<string, string>; sample?: (() => object) | undefined },
): fc.Arbitrary<MadeRequest> {
  const body = operation.body === undefined ? undefined : valueOf(operation.body.schema, schemas)
  const bodies = body === undefined || sample === undefined ? body : fc.oneof(body, fc.nat().map(sample))
  return fc.oneof(goodRequest(operation, schemas, known, bodies), strangeRequest(operation, schemas, known))
}

const within = ({ parameters }: Operation, place: Parameter['in']) =>
  parameters.filter((each) => each.in === place)

function goodRequest(
  operation: Operation,
  schemas: Schemas,
  known: Record<string, string>,
  body: fc.Arbitrary<unknown> | undefined,
): fc.Arbitrary<MadeRequest> {
  const { path } = operation
  const values = within(operation, 'query').map(({ name, schema, required }) => {
    const good = known[name] === undefined ? valueOf(schema, schemas).map(String) : fc.constant(known[name])
    const pair = good.map((value): [string, string][] => [[name, value]])
    // What filters by time and by text finds nothing when everything is said at once.
    return required
      ? pair
      : fc.oneof<fc.MaybeWeightedArbitrary<[string, string][]>[]>(
          { weight: 3, arbitrary: fc.constant([]) },
          { weight: 1, arbitrary: pair },
        )
  })
  const query: fc.Arbitrary<[string, string][][]> = fc.tuple(...values)
  const content: fc.Arbitrary<Content> =
    body === undefined
      ? fc.constant({ text: undefined, headers: {} })
      : body.map((value) => ({ text: JSON.stringify(value), headers: json }))
  const headers = Object.fromEntries(within(operation, 'header').map(({ name }) => [name, '*']))
  return fc.tuple(query, content).map(([pairs, { text, headers: type }]) => ({
    path: filled(path, known) + queryText(pairs.flat()),
    headers: { ...headers, ...type },
    body: text,
  }))
}

function strangeRequest(
  operation: Operation,
  schemas: Schemas,
  known: Record<string, string>,
): fc.Arbitrary<MadeRequest> {
  const { path, body } = operation
  const made = fc.record({
    path: pathOf(path, within(operation, 'path'), schemas, known),
    query: queryOf(within(operation, 'query'), schemas, known),
    headers: headersOf(within(operation, 'header')),
    body:
      body === undefined
        ? strayBody
        : fc.oneof({ weight: 5, arbitrary: bodyOf(body.schema, schemas) }, rawBody),
  })
  return made.map(({ path: to, query, headers, body: content }) => ({
    path: to + query,
    headers: { ...headers, ...content.headers },
    body: content.text,
  }))
}

const filled = (path: string, values: Record<string, string>) =>
  path.replace(/\{([^}]+)\}/g, (_, name: string) => encoded(values[name] ?? '1') || '-')

function pathOf(
  path: string,
  parameters: Parameter[],
  schemas: Schemas,
  known: Record<string, string>,
): fc.Arbitrary<string> {
  const value = ({ name, schema }: Parameter) =>
    fc.oneof(
      { weight: 8, arbitrary: fc.constant(known[name] ?? '1') },
      { weight: 2, arbitrary: valueOf(schema, schemas).map(String) },
      { weight: 1, arbitrary: hostileText },
    )
  return fc
    .record(Object.fromEntries(parameters.map((each) => [each.name, value(each)])))
    .map((values: Record<string, string>) => filled(path, values))
}

function queryOf(
  parameters: Parameter[],
  schemas: Schemas,
  known: Record<string, string>,
): fc.Arbitrary<string> {
  const one = ({ name, schema }: Parameter): fc.Arbitrary<[string, string][]> => {
    const good = fc.oneof(fc.constant(known[name] ?? ''), valueOf(schema, schemas).map(String))
    const pair = fc
      .oneof({ weight: 4, arbitrary: good }, hostileText)
      .map((value): [string, string] => [name, value])
    return fc.oneof<fc.MaybeWeightedArbitrary<[string, string][]>[]>(
      { weight: 8, arbitrary: fc.constant([]) },
      { weight: 4, arbitrary: pair.map((each) => [each]) },
      { weight: 1, arbitrary: fc.tuple(pair, pair) },
    )
  }
  const unknown = fc.oneof<fc.MaybeWeightedArbitrary<[string, string][]>[]>(
    { weight: 9, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.tuple(hostileText, hostileText).map((pair) => [pair]) },
  )
  const all: fc.Arbitrary<[string, string][][]> = fc.tuple(...[...parameters.map(one), unknown])
  return all.map((pairs) => queryText(pairs.flat()))
}

function queryText(pairs: [string, string][]): string {
  const text = pairs.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join('&')
  return text === '' ? '' : `?${text}`
}

/** Percent-encoded; half a surrogate pair has no encoding, and goes as bytes that are no UTF-8. */
function encoded(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : '%ED%A0%80'
}

function headersOf(parameters: Parameter[]): fc.Arbitrary<Record<string, string>> {
  const matches = fc.constantFrom('*', '"1"', '"999"', 'W/"1"', '1', '"', 'x'.repeat(200), '"1", "2"')
  const given = fc.record(
    Object.fromEntries(parameters.map(({ name }) => [name, fc.oneof(matches, fc.constant(undefined))])),
  )
  const garbage = fc.constantFrom<Record<string, string>>(
    {},
    {},
    {},
    { accept: 'text/plain' },
    { 'accept-encoding': '*;q=0' },
    { range: 'bytes=0-1' },
    { 'x-http-method-override': 'DELETE' },
    { 'user-agent': 'x'.repeat(4_000) },
    { 'user-agent': 'caf\u00e9 \u00ff' },
    { cookie: 'a=b; '.repeat(200) },
    { origin: 'null' },
    { 'x-request-id': '../../x' },
  )
  return fc.tuple(given, garbage).map(([named, more]) => {
    const present = Object.entries(named).filter((entry): entry is [string, string] => entry[1] !== undefined)
    return { ...more, ...Object.fromEntries(present) }
  })
}

type Content = { text: string | undefined; headers: Record<string, string> }

const json = { 'content-type': 'application/json' }

/** A good body, or one with one thing wrong. */
function bodyOf(schema: Schema, schemas: Schemas): fc.Arbitrary<Content> {
  const good = valueOf(schema, schemas)
  const wrong = fc.tuple(good, fc.nat(), strangeValue, hostileText).chain(([value, at, strange, name]) =>
    fc.constantFrom(
      spoiled(value, at, () => strange),
      spoiled(value, at, () => undefined),
      withField(value, name, strange),
    ),
  )
  return fc
    .oneof({ weight: 3, arbitrary: good }, { weight: 4, arbitrary: wrong })
    .map((value) => ({ text: JSON.stringify(value), headers: json }))
}

/** One field, wherever it is, made into something else; gone when that is undefined. */
function spoiled(value: unknown, at: number, change: () => unknown): unknown {
  if (typeof value !== 'object' || value === null) return change()
  const entries = Object.entries(value as Record<string, unknown>)
  const chosen = entries[at % Math.max(entries.length, 1)]
  if (chosen === undefined) return change()
  const [name, old] = chosen
  if (name === 'command') return value
  const deeper = typeof old === 'object' && old !== null && at % 2 === 1
  const made = deeper ? spoiled(old, at >> 1, change) : change()
  if (Array.isArray(value)) return value.map((each: unknown, index) => (String(index) === name ? made : each))
  return fromEntries(entries.map(([each, present]) => [each, each === name ? made : present]))
}

function withField(value: unknown, name: string, strange: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return strange
  return fromEntries([...Object.entries(value), [name, strange]])
}

/** With `__proto__` as a field like any other. */
const fromEntries = (entries: [string, unknown][]): object => Object.fromEntries(entries)

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`

/** What is no object in JSON, or no JSON, or says that it is something else. */
const rawBody: fc.Arbitrary<Content> = fc.oneof(
  fc
    .constantFrom(
      '',
      '{',
      '[]',
      'null',
      '"text"',
      '1e999',
      '{"a":1,"a":2}',
      '{"__proto__":{"admin":true}}',
      '{"a":"\\ud800"}',
      '{"a":"\\u0000"}',
      '\ufeff{}',
      '[[[[[[',
      nested(20),
      nested(5_000),
      `{"a":"${'x'.repeat(1_100_000)}"}`,
    )
    .map((text): Content => ({ text, headers: json })),
  fc
    .constantFrom(
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'application/xml',
      'application/json; charset=utf-16',
      'application/jsonp',
      ';',
      'x',
    )
    .map((type): Content => ({ text: '{}', headers: { 'content-type': type } })),
  fc.constant<Content>({ text: undefined, headers: {} }),
)

/** Where no body belongs: mostly none. */
const strayBody: fc.Arbitrary<Content> = fc.oneof(
  { weight: 9, arbitrary: fc.constant<Content>({ text: undefined, headers: {} }) },
  { weight: 1, arbitrary: fc.constant<Content>({ text: '{"a":1}', headers: json }) },
)
