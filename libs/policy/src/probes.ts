// Calls to try two policies on: of the tools that rules and the project name, touching what the rules list, the nearest
// things beside it, and what the project is known to have. Pure and bounded; finding nothing proves nothing.
import type { Access, Context, Facts, Operation, UrlFact } from './facts.ts'
import { isGlob } from './globs.ts'
import { readDomain } from './domains.ts'
import { listOf } from './schema.ts'
import type { Policy, Rule } from './schema.ts'
import { kindsOfTool } from './tool-kinds.ts'
import { DEFAULT_METHOD, nameProblem } from './tool-name.ts'
import { accessInWords, factInWords, shown } from './wording.ts'

export type Probe = { facts: Facts; context: Context; call: string }

/** What is known of the project, beside what the policies say. */
export type KnownWorld = {
  tools?: readonly string[]
  /** Tables, collections: `schema.table`. */
  resources?: readonly string[]
  connections?: readonly string[]
  context?: Context
}

const MAX_PROBES = 4_000
const MAX_NAMES = 40
const OPERATIONS: readonly Operation[] = ['read', 'write', 'schema', 'admin']

/** Probes of what these policies speak of. */
export function* probesOf(policies: readonly Policy[], world: KnownWorld = {}): Generator<Probe> {
  const rules = policies.flatMap((policy) => policy.rules ?? [])
  const declared = Object.assign({}, ...policies.map((policy) => policy.facts ?? {})) as NonNullable<
    Policy['facts']
  >
  const touched = touchedBy(rules, world)
  const contexts = contextsOf(rules, world.context ?? {})
  let left = MAX_PROBES
  for (const { tool, method } of toolsOf(rules, world)) {
    const kinds = kindsOfTool(tool, declared)
    for (const touches of touchesOf(kinds, touched)) {
      for (const context of contexts) {
        if (left-- <= 0) return
        const facts: Facts = { method, tool, arguments: {}, paths: [], urls: [], accesses: [], ...touches }
        yield { facts, context, call: callInWords(facts, context) }
      }
    }
  }
}

type Touched = { paths: string[]; urls: UrlFact[]; accesses: Access[] }
type Touches = Partial<Pick<Facts, 'paths' | 'urls' | 'accesses'>>

function* touchesOf(kinds: ReadonlySet<string> | undefined, touched: Touched): Generator<Touches> {
  const may = (kind: string) => kinds === undefined || kinds.has(kind)
  if (kinds === undefined || kinds.size === 0) yield {}
  if (may('accesses')) for (const access of touched.accesses) yield { accesses: [access] }
  if (may('paths')) for (const path of touched.paths) yield { paths: [path] }
  if (may('urls')) for (const url of touched.urls) yield { urls: [url] }
}

function toolsOf(rules: readonly Rule[], { tools = [] }: KnownWorld): { tool: string; method: string }[] {
  const found = new Map<string, { tool: string; method: string }>()
  const add = (tool: string, method: string) => {
    if (nameProblem(method, tool) === undefined) found.set(`${method} ${tool}`, { tool, method })
  }
  for (const rule of rules) {
    for (const method of listOf(rule.method ?? DEFAULT_METHOD).map(instance))
      for (const tool of listOf(rule.tool).slice(0, MAX_NAMES)) add(instance(tool), method)
  }
  for (const tool of tools.slice(0, MAX_NAMES)) add(tool, DEFAULT_METHOD)
  return [...found.values()]
}

/** A name that the pattern matches. */
function instance(pattern: string): string {
  if (!isGlob(pattern)) return pattern
  const text = pattern.replaceAll('?', 'x').replace(/\*+/g, 'x')
  return text === 'x' ? 'another/tool' : text
}

function touchedBy(rules: readonly Rule[], world: KnownWorld): Touched {
  const each = <Value>(of: (rule: Rule) => Value | readonly Value[] | undefined): Value[] => [
    ...new Set(rules.flatMap((rule) => listOf(of(rule) ?? []))),
  ]
  const few = <Value>(values: readonly Value[]) => values.slice(0, MAX_NAMES)
  const resources = few([
    ...each(({ conditions }) => conditions?.resources).map(instance),
    ...(world.resources ?? []),
  ])
  const connections = [
    ...each(({ conditions }) => conditions?.connection).map(instance),
    ...(world.connections ?? []),
  ]
  const fields = few(each(({ conditions }) => conditions?.fields).map(lastName))
  const functions = few(each(({ conditions }) => conditions?.functions).map(instance))
  return {
    paths: few(each(({ conditions }) => conditions?.path_prefix)).flatMap(pathsNear),
    urls: few([
      ...each(({ conditions }) => conditions?.allowed_domains),
      ...each(({ conditions }) => conditions?.blocked_domains),
      'elsewhere.example',
    ]).flatMap(urlsNear),
    accesses: accessesOf([...new Set([...resources, 'another.table'])], { connections, fields, functions }),
  }
}

/** A field pattern may name its table, which the access does already. */
function lastName(pattern: string): string {
  return instance(pattern).split('.').at(-1) ?? 'x'
}

function accessesOf(
  resources: readonly string[],
  also: { connections: readonly string[]; fields: readonly string[]; functions: readonly string[] },
): Access[] {
  const connection = also.connections[0] ?? 'main'
  const plain = resources.flatMap((resource) =>
    OPERATIONS.map((operation): Access => ({
      connection,
      operation,
      resource,
      fields: ['id'],
      functions: [],
    })),
  )
  const first: Access = {
    connection,
    operation: 'read',
    resource: resources[0] ?? 'x',
    fields: ['id'],
    functions: [],
  }
  return [
    ...plain,
    ...resources.flatMap((resource) =>
      also.fields.map((field): Access => ({ ...first, resource, fields: [field] })),
    ),
    ...also.functions.map((name): Access => ({ ...first, functions: [name] })),
    ...also.connections.slice(1, MAX_NAMES).map((name): Access => ({ ...first, connection: name })),
  ]
}

function pathsNear(prefix: string): string[] {
  const folder = prefix.replace(/\/+$/, '')
  return [`${folder}/file.txt`, `${folder}-other/file.txt`].filter((path) => path.startsWith('/'))
}

function urlsNear(entry: string): UrlFact[] {
  const read = readDomain(entry)
  if ('problem' in read) return []
  const scheme = read.scheme ?? 'https'
  const port = read.port ?? (scheme === 'http' ? 80 : 443)
  const hosts =
    read.match === 'any'
      ? ['any.example']
      : read.match === 'below'
        ? [`x.${read.host}`, read.host]
        : [read.host]
  return hosts.map((host) => ({ href: `${scheme}://${host}/`, scheme, host, port }))
}

const SINGLE = ['environment', 'key', 'user'] as const

/** The project's own context, and with it what each rule asks of it. */
function contextsOf(rules: readonly Rule[], own: Context): Context[] {
  const contexts = new Map<string, Context>([[JSON.stringify(own), own]])
  for (const { conditions = {} } of rules) {
    const wanted: Context = { ...own }
    for (const name of SINGLE) {
      const [first] = listOf(conditions[name] ?? [])
      if (first !== undefined && name !== 'environment') wanted[name] = instance(first)
    }
    for (const name of ['labels', 'groups'] as const) {
      const [first] = listOf(conditions[name] ?? [])
      if (first !== undefined) wanted[name] = [instance(first)]
    }
    if (contexts.size < 6) contexts.set(JSON.stringify(wanted), wanted)
  }
  return [...contexts.values()]
}

/** The call, as far as it matters: `a write to public.orders by postgres.query`. */
function callInWords({ tool, paths, urls, accesses }: Facts, { key, user }: Context): string {
  const touched = [
    ...(accesses as Access[]).map((access) => accessWords(access)),
    ...(paths as string[]).map((path) => factInWords('paths', path, 'within')),
    ...(urls as UrlFact[]).map((url) => `a request to ${factInWords('urls', url, 'within')}`),
  ]
  const who = [
    ...(typeof key === 'string' ? [`with the key ${shown(key)}`] : []),
    ...(typeof user === 'string' ? [`for ${shown(user)}`] : []),
  ]
  return [
    touched.length === 0 ? `a call of ${shown(tool)}` : `${touched.join(' and ')} by ${shown(tool)}`,
    ...who,
  ].join(' ')
}

function accessWords(access: Access): string {
  const [member] = [
    ...(access.functions as string[]),
    ...(access.fields as string[]).filter((each) => each !== 'id'),
  ]
  return accessInWords(access, 'within', member === undefined ? {} : { member })
}
