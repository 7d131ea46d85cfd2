// Calls that show what a rule means: one inside it, and the nearest one beside it. Made of its conditions and of what the project
// is known to have; of a rule whose calls cannot be written down for certain there are none.
import { isGlob } from '@mcpshield/policy/globs'
import type { JsonObject } from '@mcpshield/policy/facts'
import { listOf, type Rule } from '@mcpshield/policy/schema'
import type { KnownSystems } from './knowledge.ts'
import { circumstancesOf } from './typical-circumstances.ts'

export type TypicalCall = { name: string; tool: string; arguments: JsonObject; context?: JsonObject }
export type TypicalCalls = { inside: TypicalCall[]; beside: TypicalCall[] }

const NONE: TypicalCalls = { inside: [], beside: [] }
const NAME = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,2}$/

export function typicalCalls(id: string, rule: Rule, systems: KnownSystems): TypicalCalls {
  const { conditions = {} } = rule
  // What is unusual is not guessed at.
  if (rule.method !== undefined || conditions.parameters !== undefined || conditions.agent !== undefined)
    return NONE
  const when = circumstancesOf(rule, systems)
  if (when === undefined) return NONE
  const calls = callsOf(id, rule, systems)
  const within = (call: TypicalCall): TypicalCall =>
    Object.keys(when.inside).length === 0 ? call : { ...call, context: when.inside }
  const [first] = calls.inside
  return {
    inside: calls.inside.map(within),
    beside: [
      ...calls.beside.map(within),
      ...(first === undefined || when.outside === undefined
        ? []
        : [{ ...first, name: `${id}: not ${when.outside.what}`, context: when.outside.context }]),
    ],
  }
}

function callsOf(id: string, rule: Rule, systems: KnownSystems): TypicalCalls {
  const tool = listOf(rule.tool)[0] ?? ''
  const { conditions = {} } = rule
  const kinds = [
    conditions.path_prefix !== undefined,
    conditions.allowed_domains !== undefined,
    [conditions.resources, conditions.operations, conditions.fields].some((each) => each !== undefined),
  ]
  if (kinds.filter(Boolean).length > 1 || conditions.functions !== undefined) return NONE
  if (conditions.blocked_domains !== undefined) return NONE
  if (kinds[0]) return pathCalls(id, rule, tool)
  if (kinds[1]) return urlCalls(id, rule, tool)
  if (kinds[2]) return dataCalls(id, rule, tool, systems)
  return NONE
}

function pathCalls(id: string, { conditions = {} }: Rule, pattern: string): TypicalCalls {
  if (!/^filesystem\.(read|list|write|\*)$/.test(pattern)) return NONE
  const tool = pattern === 'filesystem.*' ? 'filesystem.read' : pattern
  const folder = (listOf(conditions.path_prefix ?? [])[0] ?? '').replace(/\/+$/, '')
  const args = (path: string): JsonObject => (tool === 'filesystem.write' ? { path, content: '' } : { path })
  const inside = { name: `${id}: inside ${folder}/`, tool, arguments: args(`${folder}/example.txt`) }
  if (folder === '') return { inside: [inside], beside: [] }
  return {
    inside: [inside],
    beside: [
      { name: `${id}: beside ${folder}/`, tool, arguments: args(`${folder}-other/example.txt`) },
      { name: `${id}: out of ${folder}/ by ..`, tool, arguments: args(`${folder}/../example.txt`) },
    ],
  }
}

function urlCalls(id: string, { conditions = {} }: Rule, pattern: string): TypicalCalls {
  if (pattern !== 'network.request' && pattern !== 'network.*') return NONE
  const entry = listOf(conditions.allowed_domains ?? [])[0] ?? ''
  const host = entry.replace(/^https?:\/\//, '').replace(/^\*\./, 'a.')
  if (!/^[a-z0-9.-]+\.[a-z0-9-]+(:\d+)?$/i.test(host) || isGlob(host)) return NONE
  const scheme = entry.startsWith('http://') ? 'http' : 'https'
  const call = (name: string, of: string): TypicalCall => ({
    name,
    tool: 'network.request',
    arguments: { url: `${scheme}://${of}/` },
  })
  return {
    inside: [call(`${id}: ${host}`, host)],
    beside: [call(`${id}: another host of a like name`, `${host.replace(/:\d+$/, '')}.other.example`)],
  }
}

type Act = 'read' | 'write' | 'schema'

function dataCalls(id: string, rule: Rule, pattern: string, systems: KnownSystems): TypicalCalls {
  const { operations = ['read', 'write'], resources = ['*'], fields, connection } = rule.conditions ?? {}
  const family = FAMILIES.find((each) => each.pattern.test(pattern))
  if (family === undefined) return NONE
  const chosen = connectionOf(family.kind, connection, systems)
  if (chosen === undefined) return NONE
  const acts = listOf(operations).filter((each): each is Act => each !== 'admin')
  const [act] = acts
  const resource = resourceFor(listOf(resources), family.kind, systems)
  const field = fields === undefined ? undefined : fieldFor(listOf(fields))
  if (act === undefined || resource === undefined || (fields !== undefined && field === undefined))
    return NONE
  const call = (name: string, does: Act, to: string): TypicalCall | undefined => {
    const made = family.call(does, to, field)
    return made && { name, tool: made.tool, arguments: { ...made.arguments, ...chosen } }
  }
  const other = (['write', 'read', 'schema'] as const).find((each) => !acts.includes(each))
  const elsewhere = otherResource(listOf(resources), family.kind)
  return {
    inside: present([call(`${id}: ${act} ${resource}`, act, resource)]),
    beside: present([
      elsewhere === undefined ? undefined : call(`${id}: ${act} ${elsewhere}`, act, elsewhere),
      other === undefined ? undefined : call(`${id}: ${other} ${resource}`, other, resource),
    ]),
  }
}

function present<T>(items: readonly (T | undefined)[]): T[] {
  return items.filter((each) => each !== undefined)
}

type Made = { tool: string; arguments: JsonObject }
type Family = {
  pattern: RegExp
  kind: string
  call(does: Act, to: string, field: string | undefined): Made | undefined
}

const sql =
  (tool: string) =>
  (does: Act, to: string, field: string | undefined): Made | undefined => {
    if (!NAME.test(to)) return undefined
    const statements: Record<Act, string> = {
      read: `select ${field ?? '*'} from ${to}`,
      write: field === undefined ? `delete from ${to}` : `update ${to} set ${field} = null`,
      schema: `drop table ${to}`,
    }
    return { tool, arguments: { sql: statements[does] } }
  }

const FAMILIES: Family[] = [
  { pattern: /^postgres\.(query|\*)$/, kind: 'postgresql', call: sql('postgres.query') },
  { pattern: /^mysql\.(query|\*)$/, kind: 'mysql', call: sql('mysql.query') },
  { pattern: /^sqlite\.(query|\*)$/, kind: 'sqlite', call: sql('sqlite.query') },
  {
    pattern: /^mongodb\.\*$/,
    kind: 'mongodb',
    call: (does, collection, field) => {
      if (field !== undefined || does === 'schema') return undefined
      return does === 'read'
        ? { tool: 'mongodb.find', arguments: { collection } }
        : { tool: 'mongodb.delete', arguments: { collection, filter: {}, many: true } }
    },
  },
  {
    pattern: /^redis\.(command|\*)$/,
    kind: 'redis',
    call: (does, key, field) => {
      if (field !== undefined || does === 'schema') return undefined
      return {
        tool: 'redis.command',
        arguments: { command: does === 'read' ? ['GET', key] : ['SET', key, 'x'] },
      }
    },
  },
]

/** Which connection the call names; undefined where that is open. */
function connectionOf(
  kind: string,
  condition: string | readonly string[] | undefined,
  { connections }: KnownSystems,
): JsonObject | undefined {
  const names = connections.filter((each) => each.kind === kind).map(({ name }) => name)
  if (condition === undefined) return names.length > 1 ? { connection: names[0] ?? '' } : {}
  const [wanted = ''] = listOf(condition)
  return isGlob(wanted) ? undefined : { connection: wanted }
}

function resourceFor(
  patterns: readonly string[],
  kind: string,
  { resources }: KnownSystems,
): string | undefined {
  const [pattern = ''] = patterns
  const known = resources.find((each) => each.kind === kind && each.matches(pattern))
  if (known !== undefined) return known.name
  return pattern === '*' ? 'example' : pattern.includes('?') ? undefined : pattern.replaceAll('*', 'example')
}

/** A name that no pattern matches. */
function otherResource(patterns: readonly string[], kind: string): string | undefined {
  if (patterns.some((each) => /^\*+$/.test(each))) return undefined
  const name = kind === 'redis' ? 'another:key' : 'another_schema.another_table'
  return kind === 'mongodb' || kind === 'sqlite' ? 'another_table' : name
}

function fieldFor(patterns: readonly string[]): string | undefined {
  const last = patterns[0]?.split('.').at(-1) ?? ''
  return NAME.test(last) ? last : undefined
}
