// Redacts what an MCP server answers: the content of a tool's result, the contents of a resource, the messages of a
// prompt. What cannot be inspected, such as a picture, is withheld as soon as anything is to be redacted.
import { hasRepeatedNames, parseDocument, writeDocument } from './json-text.ts'
import { WITHHELD } from './marker.ts'
import { redactText } from './redact-text.ts'
import { redactValue } from './redact-value.ts'
import type { RedactOptions } from './redact-value.ts'
import { compileRedactions } from './redactions.ts'
import type { Redaction } from './redactions.ts'

export type RedactedResult<Result> = {
  result: Result
  /** How many places were redacted, those withheld included. */
  redactions: number
  /** How many of them were withheld with the reason `redaction_not_possible`. */
  withheld: number
  types: string[]
}

type Json = Record<string, unknown>
type Tally = { redactions: number; withheld: number; types: Set<string> }
type Job = { redactions: readonly Redaction[]; options: RedactOptions; hasFields: boolean; tally: Tally }

/** Redacts a result of an MCP server. Without redactions it is returned as it came. */
export function redactResult<Result extends object>(
  result: Result,
  redactions: readonly Redaction[],
  options: RedactOptions,
): RedactedResult<Result> {
  if (redactions.length === 0) return { result, redactions: 0, withheld: 0, types: [] }
  const tally: Tally = { redactions: 0, withheld: 0, types: new Set() }
  const job: Job = { redactions, options, hasFields: compileRedactions(redactions).fields.length > 0, tally }
  const redacted: Json = {}
  for (const [name, value] of Object.entries(result)) redacted[name] = redactPart(name, value, job)
  return {
    result: redacted as Result,
    redactions: tally.redactions,
    withheld: tally.withheld,
    types: [...tally.types].sort(),
  }
}

function redactPart(name: string, value: unknown, job: Job): unknown {
  if (name === 'content') return redactContent(value, job)
  if (name === 'contents' && Array.isArray(value))
    return value.map((one: unknown) => redactResource(one, job))
  if (name === 'messages' && Array.isArray(value)) return value.map((one: unknown) => redactMessage(one, job))
  if (name === 'structuredContent') return redactJson(value, job, job.options)
  return redactJson(value, job, { keyedHash: job.options.keyedHash })
}

function redactContent(content: unknown, job: Job): unknown {
  return Array.isArray(content)
    ? content.map((item: unknown) => redactItem(item, job))
    : redactItem(content, job)
}

function redactMessage(message: unknown, job: Job): unknown {
  if (!isObject(message)) return withhold(job, 'message')
  const { content, ...rest } = message
  return {
    ...(redactJson(rest, job, { keyedHash: job.options.keyedHash }) as Json),
    content: redactContent(content, job),
  }
}

function redactItem(item: unknown, job: Job): unknown {
  if (!isObject(item)) return withhold(job, 'item')
  const { type } = item
  const plain = { keyedHash: job.options.keyedHash }
  if (type === 'text' && typeof item.text === 'string') {
    const { text, ...rest } = item
    return { ...(redactJson(rest, job, plain) as Json), text: redactDocumentText(text, job) }
  }
  if (type === 'resource') {
    const { resource, ...rest } = item
    const redacted = redactResource(resource, job)
    return redacted.type === 'text'
      ? redacted
      : { ...(redactJson(rest, job, plain) as Json), resource: redacted }
  }
  if (type === 'resource_link') return redactJson(item, job, plain)
  return withhold(job, typeof type === 'string' && /^[a-z_]{1,24}$/.test(type) ? type : 'item')
}

/** A resource as text is redacted; its bytes cannot be. */
function redactResource(resource: unknown, job: Job): Json {
  if (!isObject(resource)) return withhold(job, 'resource')
  const { text, blob, ...rest } = resource
  const redacted = redactJson(rest, job, { keyedHash: job.options.keyedHash }) as Json
  if (blob !== undefined) return { ...redacted, mimeType: 'text/plain', text: withhold(job, 'blob').text }
  return typeof text === 'string' ? { ...redacted, text: redactDocumentText(text, job) } : redacted
}

/** A text item in the place of one that cannot be inspected. */
function withhold(job: Job, what: string): { type: 'text'; text: string } {
  note(job, 1, 1, ['redaction_not_possible'])
  return {
    type: 'text',
    text: `${WITHHELD} This ${what} cannot be inspected, and the policy asks for redaction.`,
  }
}

/** JSON is redacted by its structure and as text; lines of JSON likewise. Field rules need one of the two. */
function redactDocumentText(text: string, job: Job): string {
  if (!job.hasFields && !text.includes('\\')) {
    const asText = redactText(text, job.redactions, job.options.keyedHash)
    if (asText.findings.length === 0) return text
  }
  const structured = redactStructured(text, job)
  if (structured === undefined && job.hasFields) {
    note(job, 1, 1, ['redaction_not_possible'])
    return `${WITHHELD} This text has no fields that could be told apart, and the policy asks for fields to be redacted.`
  }
  const { text: redacted, findings } = redactText(structured ?? text, job.redactions, job.options.keyedHash)
  note(
    job,
    findings.length,
    0,
    findings.map(({ type }) => type),
  )
  return redacted
}

function redactStructured(text: string, job: Job): string | undefined {
  const document = parseDocument(text)
  if (document !== undefined) return redactDocument(document, text, job)
  const lines = text.split('\n')
  if (lines.length < 2) return undefined
  const documents = lines.map((line) => (line.trim() === '' ? undefined : (parseDocument(line) ?? null)))
  if (documents.includes(null) || documents.every((one) => one === undefined)) return undefined
  return lines
    .map((line, index) => (documents[index] == null ? line : redactDocument(documents[index], line, job)))
    .join('\n')
}

/** Of members with the same name a parser shows only the last: where there may be such, it is written anew. */
function redactDocument(document: object, original: string, job: Job): string {
  const redacted = redactJson(document, job, job.options)
  const isOriginal = redacted === document && !job.hasFields && !hasRepeatedNames(original, document)
  return isOriginal ? original : writeDocument(redacted, original)
}

function redactJson(value: unknown, job: Job, options: RedactOptions): unknown {
  const redacted = redactValue(value, job.redactions, options)
  note(job, redacted.count, redacted.withheld, redacted.types)
  return redacted.value
}

function note({ tally }: Job, redactions: number, withheld: number, types: readonly string[]): void {
  tally.redactions += redactions
  tally.withheld += withheld
  for (const type of types) tally.types.add(type)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
