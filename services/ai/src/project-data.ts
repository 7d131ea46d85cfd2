// Pure: what the model is told of a project, in the room that there is. Names and words of others go between marks as data; what
// the request is about comes first, and what is left out is counted.
import { plainLine, type Fenced } from './fences.ts'
import type { Knowledge, StoredResource } from './knowledge.ts'
import { byRelevance } from './relevance.ts'
import { cutToTokens, shared, tokensOf } from './room.ts'
import { argumentLines } from './tool-arguments.ts'

/** Something between marks. `text` gives as much of it as so many tokens hold. */
export type Part = { name: string; weight: number; text(tokens: number): string }

const UNITS = { name: 130, description: 160, label: 60, note: 200 }
const MAX_FIELDS = 20
const MAX_LABELS = 20
/** Of one part: a model on a small machine reads some hundred tokens a second. */
const MAX_PART_TOKENS = 8_000
const NOTE_TOKENS = 60
/** Of the marks around a part. */
const FENCE_TOKENS = 24

/** The parts, between marks, that fit together; an empty one is left out. */
export function fencedParts(parts: readonly Part[], room: number, { fence }: Fenced): string[] {
  const wanted = parts.map((part) => ({ ...part, tokens: tokensOf(part.text(MAX_PART_TOKENS)) }))
  const present = wanted.filter(({ tokens }) => tokens > 0)
  const given = shared(
    room - FENCE_TOKENS * present.length,
    Object.fromEntries(present.map(({ name, tokens, weight }) => [name, { tokens, weight }])),
  )
  return present.map(({ name, text }) => fence(name, text(given[name] ?? 0), Infinity))
}

export function textPart(name: string, weight: number, text: string): Part {
  return { name, weight, text: (tokens) => cutToTokens(text, tokens) }
}

/** `about` is what was asked: it says what comes first. */
export function projectParts(knowledge: Knowledge, about: string): Part[] {
  const tools = byRelevance([...knowledge.ownTools, ...knowledge.tools], about).map(toldTool)
  const stored = [
    ...knowledge.notes.map((each) => plainLine(each, UNITS.note)),
    ...byRelevance(knowledge.resources, about).map(resourceLine),
  ]
  return [
    textPart('PROJECT', 10, aboutProject(knowledge)),
    {
      name: 'TOOLS',
      weight: 30,
      text: (tokens) => toolsWithin(tools, knowledge.tools_left_out, tokens),
    },
    { name: 'STORED', weight: 25, text: (tokens) => storedWithin(stored, tokens) },
  ]
}

function aboutProject({ environment, infrastructure, systems, keys }: Knowledge): string {
  const connections = systems.connections.map(({ name, kind }) => `${name} (${kind})`)
  const labels = [...new Set(keys.flatMap((key) => key.labels))].slice(0, MAX_LABELS)
  return [
    `environment: ${environment}`,
    `infrastructure: ${infrastructure.join(', ') || 'not said'}`,
    `connections: ${connections.join(', ') || 'none'}`,
    `labels of keys: ${labels.map((each) => plainLine(each, UNITS.label)).join(', ') || 'none'}`,
  ].join('\n')
}

type ToldTool = { name: string; whole: string }

/** Each with its arguments, in the order given; where room ends, by name alone; then not at all. */
function toolsWithin(tools: readonly ToldTool[], leftOut: number, tokens: number): string {
  const missing = `${leftOut} are left out: changed since approved, doubtful, or too long`
  const all = withNotes(
    tools.map(({ whole }) => whole),
    leftOut > 0 ? [missing] : [],
  )
  if (tokensOf(all) <= tokens) return all
  const lines: string[] = []
  let left = tokens - NOTE_TOKENS
  let namesToCome = tools.reduce((sum, { name }) => sum + costOf(name), 0)
  let byName = 0
  for (const { name, whole } of tools) {
    namesToCome -= costOf(name)
    const isWhole = costOf(whole) <= left - Math.min(namesToCome, tokens / 5)
    const line = isWhole ? whole : name
    if (costOf(line) > left) continue
    left -= costOf(line)
    lines.push(line)
    if (!isWhole) byName++
  }
  const unnamed = tools.length - lines.length
  return withNotes(lines, [
    ...(byName > 0 ? [`${byName} of these by name alone`] : []),
    ...(unnamed > 0 ? [`${unnamed} more are not shown for want of room`] : []),
    ...(leftOut > 0 ? [missing] : []),
  ])
}

function withNotes(lines: readonly string[], notes: readonly string[]): string {
  return [...lines, ...(notes.length === 0 ? [] : [`(${notes.join('; ')}.)`])].join('\n')
}

function toldTool({ name, description, input_schema }: Knowledge['tools'][number]): ToldTool {
  const shown = plainLine(name, UNITS.name)
  const head = `${shown}: ${plainLine(description, UNITS.description)}`
  return { name: shown, whole: [head, ...argumentLines(input_schema).map((each) => `  ${each}`)].join('\n') }
}

function storedWithin(all: readonly string[], tokens: number): string {
  if (tokensOf(all.join('\n')) <= tokens) return all.join('\n')
  const lines: string[] = []
  let left = tokens - NOTE_TOKENS
  for (const line of all) {
    if (costOf(line) > left) continue
    left -= costOf(line)
    lines.push(line)
  }
  return withNotes(lines, [`${all.length - lines.length} more are not shown for want of room`])
}

/** What the name is of, where it is not of a table. */
const KINDS: Record<string, string> = { mongodb: 'collection ', redis: 'keys ', files: 'folder ' }

function resourceLine({ connection, kind, name, fields }: StoredResource): string {
  const shown = fields.slice(0, MAX_FIELDS).map((each) => plainLine(each, UNITS.label))
  const more = fields.length > MAX_FIELDS ? `, ${fields.length - MAX_FIELDS} more` : ''
  const of = shown.length === 0 ? '' : `: ${shown.join(', ')}${more}`
  return `${KINDS[kind] ?? ''}${plainLine(name, UNITS.name)} on ${plainLine(connection, 64)}${of}`
}

/** With the end of its line. */
function costOf(line: string): number {
  return tokensOf(line) + 1
}
