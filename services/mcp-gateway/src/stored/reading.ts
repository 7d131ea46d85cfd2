// What a description may do: read a little, within a time of its own, through the same connectors as any call.
import { drawFacts } from '@mcpshield/facts/draw'
import type { Access, JsonObject } from '@mcpshield/policy/facts'
import type { Grant } from '../connectors/connector.ts'

/** What is stored behind a connection, by name: tables with their columns, collections, patterns of keys, folders. */
export type Stored = { resources: { name: string; fields: string[] }[]; truncated: boolean }

/** Of one description: whoever asks waits a little longer. */
export const WITHIN_MS = 3_000
export const MAX_RESOURCES = 200
export const MAX_FIELDS = 60
export const MAX_NAME_UNITS = 200
const MAX_BYTES = 1024 * 1024

/** Until when everything of one description has to be done. */
export type Within = { signal: AbortSignal; untilMs: number }

export function within(ms = WITHIN_MS): Within {
  return { signal: AbortSignal.timeout(ms), untilMs: performance.now() + ms }
}

export function leftMs({ untilMs }: Within): number {
  return Math.max(1, Math.round(untilMs - performance.now()))
}

/** Grants exactly what one fixed question touches, and only to read it. */
export function readingGrant(
  touched: { accesses?: Access[]; paths?: string[] },
  time: Within,
  maxRows: number,
): Grant {
  return {
    accesses: touched.accesses ?? [],
    paths: touched.paths ?? [],
    urls: [],
    readOnly: true,
    maxRows,
    maxBytes: MAX_BYTES,
    timeoutMs: leftMs(time),
    signal: time.signal,
    needsSources: false,
    // What is no text has no name that a policy could have.
    redacts: true,
    alsoAllows: () => false,
    namesHost: () => false,
  }
}

/** What a call of a built-in tool touches, as it is drawn of an agent's; nothing where that is not known. */
export function accessesOf(
  tool: string,
  args: JsonObject,
  connection: { name: string; kind: string },
): Access[] {
  const call = { method: 'tools/call', tool, arguments: args }
  const { accesses } = drawFacts(call, { connections: [connection] })
  return Array.isArray(accesses) ? accesses : []
}

export function readOf(connection: string, resource: Access['resource']): Access {
  return { connection, operation: 'read', resource, fields: [], functions: [] }
}

export function fits(name: unknown): name is string {
  return typeof name === 'string' && name !== '' && name.length <= MAX_NAME_UNITS
}
