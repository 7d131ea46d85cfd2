// What can be written at a place: keys and values by the language's own schema, the project's tools, detectors with
// what they find, and whole rules.
import { DETECTOR_NOTES } from '@mcpshield/policy/detectors'
import type { JsonPath } from '@mcpshield/policy/yaml-document'
import type { PolicyKind } from './checked.ts'
import { cursorPlace, type CursorPlace } from './cursor-place.ts'
import { templatesFor } from './rule-templates.ts'
import { branches, schemasAt, type SchemaNode } from './schema-places.ts'
import { textInYaml } from './yaml-words.ts'

export type Names = { tools: readonly string[]; connections: readonly string[] }
export type CompleteInput = { text: string; at: number; kind: PolicyKind; names: Names }

export type Proposal = {
  label: string
  kind: 'key' | 'value' | 'rule'
  /** Beside the label. */
  detail?: string
  /** Below it, when it is chosen. */
  info?: string
  /** What is put in, where that is more than the label; `${}` are places to fill in. */
  snippet?: string
  /** Whether more can be proposed after it. */
  goesOn?: boolean
}
export type Proposals = { from: number; proposals: Proposal[] }

const METHODS = ['tools/call', 'resources/read', 'prompts/get', 'resources/*', 'prompts/*']
const ENVIRONMENTS = ['dev', 'staging', 'prod']

/** Of the schema's own values: numbers and booleans. */
const BARE_VALUE = /^(\d+|true|false)$/

export function complete({ text, at, kind, names }: CompleteInput): Proposals | undefined {
  const place = cursorPlace(text, at)
  if (place === undefined) return undefined
  const proposals = place.part === 'key' ? keysAt(place, kind, names) : valuesAt(place, kind, names)
  return proposals.length === 0 ? undefined : { from: place.from, proposals }
}

function keysAt(place: CursorPlace, kind: PolicyKind, names: Names): Proposal[] {
  const keys = schemasAt(place.path).flatMap((schema) => keysOf(schema, place))
  const begun = place.alone ? [...rulesAt(place, kind), ...scalarsAt(place, kind, names)] : []
  return distinct([...begun, ...keys])
}

function keysOf({ properties = {}, required = [] }: SchemaNode, place: CursorPlace): Proposal[] {
  return Object.entries(properties)
    .filter(([key]) => !place.present.includes(key))
    .map(([key, schema]) => ({
      label: key,
      kind: 'key' as const,
      detail: required.includes(key) ? 'required' : '',
      ...infoOf(schema),
      ...insertedKey(key, schema, place),
    }))
}

/** A key with the brackets its value needs; the cursor stands inside. */
function insertedKey(key: string, schema: SchemaNode, { flow, indent }: CursorPlace): Partial<Proposal> {
  const all = branches(schema)
  const isMap = all.every((each) => each.properties !== undefined || each.additionalProperties !== undefined)
  const isList = all.every((each) => each.items !== undefined)
  const inner = ' '.repeat(indent + 2)
  if (isList && (key === 'rules' || key === 'tests'))
    return { snippet: `${key}:\n${inner}- \${}`, goesOn: true }
  if (isList) return { snippet: `${key}: [\${}]`, goesOn: true }
  if (isMap && (flow || key !== 'conditions')) return { snippet: `${key}: { \${} }`, goesOn: true }
  if (isMap) return { snippet: `${key}:\n${inner}\${}`, goesOn: true }
  return { snippet: `${key}: \${}`, goesOn: true }
}

function valuesAt(place: CursorPlace, kind: PolicyKind, names: Names): Proposal[] {
  return distinct([...rulesAt(place, kind), ...scalarsAt(place, kind, names)])
}

/** Whole rules, where an entry of `rules:` begins. */
function rulesAt({ path, flow, indent }: CursorPlace, kind: PolicyKind): Proposal[] {
  if (path.length !== 2 || path[0] !== 'rules' || flow) return []
  const margin = `\n${' '.repeat(indent)}`
  return templatesFor(kind).map(({ title, about, yaml }) => ({
    label: title,
    kind: 'rule' as const,
    detail: 'rule',
    info: about,
    snippet: yaml.replaceAll('\n', margin),
  }))
}

function scalarsAt(place: CursorPlace, kind: PolicyKind, names: Names): Proposal[] {
  const { path, quoted } = place
  const schemas = schemasAt(path).flatMap((each) => [each, ...branches(each.items)])
  const quote = (text: string) => (quoted || BARE_VALUE.test(text) ? text : textInYaml(text))
  const listed = [...namesAt(path, names), ...schemas.flatMap((each) => scalarsOf(each))]
  return listed
    .filter(({ label }) => kind === 'project' || path.at(-1) !== 'decision' || label !== 'allow')
    .map((each) => {
      const written = quote(each.label)
      return written === each.label ? each : { ...each, snippet: written.replaceAll('${', '\\${') }
    })
}

function scalarsOf(schema: SchemaNode): Proposal[] {
  const values = schema.const === undefined ? (schema.enum ?? []) : [schema.const]
  const examples = values.length > 0 ? [] : (schema.examples ?? []).flatMap((each) => each)
  const isBoolean = schema.type === 'boolean'
  const all = [...values, ...(isBoolean ? [true, false] : []), ...examples]
  return all
    .filter((value) => typeof value !== 'object' || value === null)
    .map((value) => ({ label: String(value), kind: 'value' as const, ...infoOfValue(value, schema) }))
}

function namesAt(path: JsonPath, { tools, connections }: Names): Proposal[] {
  const last = path.findLast((step) => typeof step === 'string')
  const inRule = path[0] === 'rules' || path[0] === 'tests'
  if (!inRule) return []
  const value = (detail: string) => (label: string) => ({ label, kind: 'value' as const, detail })
  if (last === 'tool') return [...tools, ...serverGlobs(tools)].map(value('tool'))
  if (last === 'connection') return connections.map(value('connection'))
  if (last === 'method') return METHODS.map(value('method'))
  if (last === 'environment') return ENVIRONMENTS.map(value('environment'))
  if (last === 'timezone') return Intl.supportedValuesOf('timeZone').map(value('time zone'))
  return []
}

function serverGlobs(tools: readonly string[]): string[] {
  const servers = tools.filter((tool) => tool.includes('/')).map((tool) => tool.slice(0, tool.indexOf('/')))
  return [...new Set(servers)].map((server) => `${server}/*`)
}

function infoOf({ description, title }: SchemaNode): { info?: string } {
  const info = description ?? title
  return info === undefined ? {} : { info }
}

function infoOfValue(value: unknown, schema: SchemaNode): { info?: string } {
  if (typeof value === 'string' && Object.hasOwn(DETECTOR_NOTES, value))
    return { info: DETECTOR_NOTES[value as keyof typeof DETECTOR_NOTES] }
  return infoOf(schema)
}

function distinct(proposals: readonly Proposal[]): Proposal[] {
  const seen = new Set<string>()
  return proposals.filter(({ label }) => !seen.has(label) && seen.add(label))
}
