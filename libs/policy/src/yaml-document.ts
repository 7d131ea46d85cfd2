// YAML text → plain JSON with positions. One document of YAML 1.2's core schema: no other tags, no repeated keys, no
// merge keys; anchors are allowed and what they expand to is bounded.
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml'
import type { Alias, Document, Node, Pair } from 'yaml'
import type { DiagnosticCode } from './diagnostic-codes.ts'
import type { JsonValue } from './facts.ts'

export type Position = { line: number; column: number }
export type YamlProblem = Position & { code: DiagnosticCode; message: string; fix?: string }
export type JsonPath = readonly (string | number)[]

export type YamlDocument = {
  value: JsonValue
  /** Where the value at a path stands, or its key; what is missing stands where it would be looked for. */
  locate(path: JsonPath, part: 'key' | 'value'): Position
}

export const MAX_BYTES = 256 * 1024
const MAX_NODES = 200_000
const MAX_DEPTH = 64
const MAX_PROBLEMS = 50
const CORE_TAGS = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((tag) => `tag:yaml.org,2002:${tag}`),
)

export function readYaml(text: string): { document: YamlDocument } | { problems: YamlProblem[] } {
  if (text.length > MAX_BYTES || new TextEncoder().encode(text).length > MAX_BYTES) {
    const message = 'The document is larger than 256 KiB.'
    return { problems: [{ line: 1, column: 1, code: 'document_too_large', message }] }
  }
  const lines = new LineCounter()
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  // Repeated keys are looked for below: the parser's own way takes time quadratic in the keys of a map.
  const document = withoutStackTraces(() =>
    parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false, schema: 'core' }),
  )
  const problems = syntaxProblems(document, at)
  if (problems.length > 0) return { problems }
  const reading: Reading = {
    anchors: new Map(),
    targets: new Map(),
    open: new Set(),
    nodes: 0,
    problems: [],
    at,
  }
  const value = read(reading, document.contents, 0)
  if (reading.problems.length > 0) return { problems: reading.problems }
  const locate = (path: JsonPath, part: 'key' | 'value') =>
    at(offsetOf(reading, document.contents, path, part))
  return { document: { value, locate } }
}

/** A text of faults makes an error of each, and nine tenths of the time went into where in the parser they arose. */
function withoutStackTraces<Result>(work: () => Result): Result {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return work()
  } finally {
    Error.stackTraceLimit = limit
  }
}

function syntaxProblems(document: Document.Parsed, at: (offset: number) => Position): YamlProblem[] {
  if (document.directives.yaml.version !== '1.2') {
    return [
      {
        line: 1,
        column: 1,
        code: 'yaml_version',
        message: 'Only YAML 1.2 is read.',
        fix: 'remove the %YAML line',
      },
    ]
  }
  return [...document.errors, ...document.warnings].slice(0, MAX_PROBLEMS).map(({ code, message, pos }) => ({
    ...at(pos[0]),
    code: code === 'TAG_RESOLVE_FAILED' ? 'yaml_tag' : 'yaml_syntax',
    message: syntaxMessage(code, message),
  }))
}

function syntaxMessage(code: string, message: string): string {
  if (/call stack/i.test(message)) return 'The document is nested too deeply.'
  return code === 'MULTIPLE_DOCS' ? 'Only one document is read.' : message.slice(0, 200)
}

type Reading = {
  /** The latest node of each anchor so far, as YAML has it. */
  anchors: Map<string, Node>
  targets: Map<Alias, Node>
  /** Anchored nodes that are being read: an alias to one of them would never end. */
  open: Set<Node>
  nodes: number
  problems: YamlProblem[]
  at(offset: number): Position
}

function read(reading: Reading, node: Node | null, depth: number): JsonValue {
  if (reading.problems.length >= MAX_PROBLEMS || node === null) return null
  if (++reading.nodes > MAX_NODES)
    return stop(reading, node, 'yaml_too_large', 'The document expands to too many values.')
  if (depth > MAX_DEPTH) return stop(reading, node, 'yaml_too_deep', 'The document is nested too deeply.')
  if (isAlias(node)) return readAlias(reading, node, depth)
  if (node.tag !== undefined && node.tag !== '!' && !CORE_TAGS.has(node.tag)) {
    return problem(
      reading,
      node,
      'yaml_tag',
      `The tag ${node.tag.slice(0, 100)} is not allowed.`,
      'remove the tag',
    )
  }
  if (node.anchor !== undefined) reading.anchors.set(node.anchor, node)
  reading.open.add(node)
  const value = readPlain(reading, node, depth)
  reading.open.delete(node)
  return value
}

function readAlias(reading: Reading, alias: Alias, depth: number): JsonValue {
  const target = reading.targets.get(alias) ?? reading.anchors.get(alias.source)
  if (target === undefined)
    return problem(
      reading,
      alias,
      'yaml_alias',
      `There is no anchor ${alias.source.slice(0, 100)} before this alias.`,
    )
  if (reading.open.has(target))
    return problem(reading, alias, 'yaml_alias', 'This alias stands inside what it names.')
  reading.targets.set(alias, target)
  return read(reading, target, depth + 1)
}

function readPlain(reading: Reading, node: Node, depth: number): JsonValue {
  if (isMap(node)) return readMap(reading, node.items as Pair<Node, Node | null>[], depth)
  if (isSeq(node)) return node.items.map((item) => read(reading, item as Node, depth + 1))
  if (!isScalar(node)) return problem(reading, node, 'yaml_syntax', 'This is not a value of JSON.')
  const value: unknown = node.value
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return problem(reading, node, 'yaml_number', 'Numbers must be finite.')
  }
  const isJson =
    value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  return isJson ? value : problem(reading, node, 'yaml_syntax', 'This is not a value of JSON.')
}

function readMap(reading: Reading, pairs: readonly Pair<Node, Node | null>[], depth: number): JsonValue {
  const object: { [key: string]: JsonValue } = {}
  for (const { key, value } of pairs) {
    const name = keyName(key)
    const fault = name === undefined ? 'A key must be a name.' : FORBIDDEN_KEYS[name]
    if (name === undefined || fault !== undefined) {
      problem(reading, key, 'yaml_key', fault ?? 'A key must be a name.')
    } else if (Object.hasOwn(object, name)) {
      problem(
        reading,
        key,
        'duplicate_key',
        `The key \`${name.slice(0, 100)}\` stands here twice.`,
        'keep one of them',
      )
    } else object[name] = read(reading, value, depth + 1)
  }
  return object
}

const FORBIDDEN_KEYS: Record<string, string | undefined> = Object.assign(Object.create(null) as object, {
  ['__proto__']: 'The key `__proto__` is not allowed.',
  ['<<']: 'Merge keys (<<) are not part of YAML 1.2: repeat the keys instead.',
})

function keyName(key: unknown): string | undefined {
  if (!isScalar(key) || (key.tag !== undefined && !CORE_TAGS.has(key.tag))) return undefined
  if (typeof key.value === 'string') return key.value
  return key.value === null ? undefined : key.source
}

function problem(reading: Reading, node: unknown, code: DiagnosticCode, message: string, fix?: string): null {
  const offset = (node as Node | null)?.range?.[0] ?? 0
  reading.problems.push({ ...reading.at(offset), code, message, ...(fix === undefined ? {} : { fix }) })
  return null
}

/** A problem that makes reading on pointless. */
function stop(reading: Reading, node: Node, code: DiagnosticCode, message: string): null {
  if (!reading.problems.some((each) => each.code === code)) problem(reading, node, code, message)
  if (code === 'yaml_too_large') reading.problems.length = Math.min(reading.problems.length, MAX_PROBLEMS)
  return null
}

function offsetOf(reading: Reading, root: Node | null, path: JsonPath, part: 'key' | 'value'): number {
  let node = root
  let offset = root?.range?.[0] ?? 0
  for (const [i, step] of path.entries()) {
    if (node !== null && isAlias(node)) node = reading.targets.get(node) ?? null
    const isLast = i === path.length - 1
    if (isMap(node)) {
      const pair = (node.items as Pair<Node, Node | null>[]).find(({ key }) => keyName(key) === step)
      if (pair === undefined) return offset
      offset =
        (isLast && part === 'key' ? pair.key.range?.[0] : (pair.value?.range?.[0] ?? pair.key.range?.[0])) ??
        offset
      node = pair.value
    } else if (isSeq(node)) {
      node = (node.items[Number(step)] as Node | undefined) ?? null
      offset = node?.range?.[0] ?? offset
    } else return offset
  }
  return offset
}
