// Which names are decided at all. A name that could be read in two ways is denied before any rule is looked at.
export const DEFAULT_METHOD = 'tools/call'

const CANONICAL = /^[A-Za-z0-9_.\-/]{1,128}$/
const MAX_URI_UNITS = 4_096
/** `upstream/<uri or prompt name>`: of the methods that name a resource or a prompt. */
// eslint-disable-next-line no-control-regex
const NAMED = /^[A-Za-z0-9_.-]{1,64}\/[^\u0000-\u001f\u007f-\u009f]+$/

/** Why the call is denied for its name, or undefined. */
export function nameProblem(method: unknown, tool: unknown): string | undefined {
  if (typeof method !== 'string' || typeof tool !== 'string')
    return 'The call names no tool, so it is denied.'
  if (method === DEFAULT_METHOD) {
    if (CANONICAL.test(tool)) return undefined
    return 'The name of the tool is not 1 to 128 characters of A-Z a-z 0-9 _ - . /, so the call is denied.'
  }
  if (tool.length <= MAX_URI_UNITS && tool.isWellFormed() && NAMED.test(tool)) return undefined
  return 'The name is not an upstream, a slash and a URI or name of printable characters, so the call is denied.'
}
