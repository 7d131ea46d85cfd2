// What was wrong with an input, field by field, as a caller may read it.
import type { z } from 'zod'
import type { FieldError } from '@mcpshield/contracts/errors'

type Issue = z.core.$ZodIssue

/** More than these tell nobody anything. */
const MAX_FIELD_ERRORS = 100

/**
 * Zod's issues as [{path, message}]; of unknown fields, one for each. Where input could be one of several
 * things, what is wrong is said of the one that it looks like.
 */
export function fieldErrors(error: z.ZodError): FieldError[] {
  return errorsOf(error.issues, []).slice(0, MAX_FIELD_ERRORS)
}

function errorsOf(issues: readonly Issue[], at: string[]): FieldError[] {
  return issues.flatMap((issue) => {
    const path = [...at, ...issue.path.map(String)]
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'There is no such field.' }))
    if (issue.code === 'invalid_union' && issue.errors.length > 0)
      return errorsOf(closest(issue.errors), path)
    return [{ path: path.join('.'), message: issue.message }]
  })
}

/** The issues of the branch whose own fields fit best; of two such, the one with fewer issues. */
function closest(branches: readonly (readonly Issue[])[]): readonly Issue[] {
  const byFit = [...branches].sort((a, b) => misfits(a) - misfits(b) || a.length - b.length)
  return byFit[0] ?? []
}

function misfits(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => {
    if (issue.path.length > 1) return sum
    return sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1)
  }, 0)
}
