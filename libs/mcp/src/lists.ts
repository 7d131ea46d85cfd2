// The lists of a server: what their results hold, and what of them is shown.
import type { JsonObject } from '@mcpshield/policy/facts'
import { isObject } from './messages.ts'

/** Method → the member of its result that holds the list, and of an entry what names it. */
export const LISTS = {
  'tools/list': { member: 'tools', name: 'name', capability: 'tools' },
  'prompts/list': { member: 'prompts', name: 'name', capability: 'prompts' },
  'resources/list': { member: 'resources', name: 'uri', capability: 'resources' },
  'resources/templates/list': { member: 'resourceTemplates', name: 'uriTemplate', capability: 'resources' },
} as const
export type ListMethod = keyof typeof LISTS

export function isListMethod(method: string): method is ListMethod {
  return Object.hasOwn(LISTS, method)
}

const MAX_ENTRY_UNITS = 64 * 1024
/** Longer ones cannot be pinned, or be looked up among others. */
const MAX_NAME_UNITS = 200
const MAX_URI_UNITS = 8 * 1024

/** The entries of one page that have a name and can be read. */
export function entriesOf(result: JsonObject, method: ListMethod): JsonObject[] {
  const { member, name } = LISTS[method]
  const entries = result[member]
  return Array.isArray(entries)
    ? entries.filter(
        (entry): entry is JsonObject => isObject(entry) && isName(method, entry[name]) && isReadable(entry),
      )
    : []
}

function isName(method: ListMethod, name: unknown): boolean {
  if (typeof name !== 'string') return false
  return name.length <= (LISTS[method].name === 'name' ? MAX_NAME_UNITS : MAX_URI_UNITS)
}

function isReadable(entry: JsonObject): boolean {
  try {
    return JSON.stringify(entry).length <= MAX_ENTRY_UNITS
  } catch {
    return false // Nested too deeply to be written again.
  }
}

/** Of an entry that has one. */
export function nameOf(method: ListMethod, entry: JsonObject): string {
  const name = entry[LISTS[method].name]
  return typeof name === 'string' ? name : ''
}

/** By which method an entry would be asked for. */
const ASKED_BY = {
  'tools/list': 'tools/call',
  'prompts/list': 'prompts/get',
  'resources/list': 'resources/read',
} as const

export type Showing = {
  /** Whether some call of it could be allowed or asked for. */
  couldShow(method: string, name: string): boolean
  isQuarantined(tool: string, entry: JsonObject): boolean
}

/** Whether a client is shown an entry: only what some call could be allowed, and no tool in quarantine. */
export function isShown(method: ListMethod, entry: JsonObject, showing: Showing): boolean {
  // A template stands for many resources: rules are asked about each when it is read.
  if (method === 'resources/templates/list') return true
  const name = nameOf(method, entry)
  if (method === 'tools/list' && showing.isQuarantined(name, entry)) return false
  return showing.couldShow(ASKED_BY[method], name)
}
