// What a call leaves open. With `default: allow` a call is allowed only when nothing is.
import type { Access, Facts, Unknown, UrlFact } from './facts.ts'
import { isUnknown } from './facts.ts'
import type { Kind } from './matching.ts'
import { KINDS } from './matching.ts'
import { isResolvedPath } from './path-prefix.ts'

/** The first fact that is unknown, or has an attribute that is. */
export function firstUnknown(facts: Facts): { kind: Kind | 'arguments'; fact: unknown } | undefined {
  if (areArgumentsUnknown(facts.arguments)) return { kind: 'arguments', fact: facts.arguments }
  for (const kind of KINDS) {
    const listed: unknown = facts[kind]
    if (!Array.isArray(listed)) return { kind, fact: listed }
    for (const fact of listed as unknown[]) if (!IS_KNOWN[kind](fact)) return { kind, fact }
  }
  return undefined
}

/** A call may well have an argument of the name `unknown`; the marker has nothing else. */
export function areArgumentsUnknown(args: Facts['arguments']): args is Unknown {
  if (typeof args !== 'object' || args === null || Array.isArray(args)) return true
  return isUnknown(args) && typeof args.unknown === 'string' && Object.keys(args).length === 1
}

const IS_KNOWN: Record<Kind, (fact: unknown) => boolean> = {
  paths: isResolvedPath,
  urls: (fact) => {
    const { host, scheme, port } = (fact ?? {}) as Partial<UrlFact>
    return typeof host === 'string' && typeof scheme === 'string' && typeof port === 'number'
  },
  // The connection is the project's own name for a place, not something a call touches: tools of others never
  // say it, and rules that test it take it for unknown all the same.
  accesses: (fact) => {
    const { operation, resource, fields, functions } = (fact ?? {}) as Partial<Access>
    const namesResource = typeof resource === 'string' || resource === null
    return typeof operation === 'string' && namesResource && Array.isArray(fields) && Array.isArray(functions)
  },
}
