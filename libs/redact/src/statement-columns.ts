// The result of a statement that somebody else's server runs: under which name it shows a column cannot be told.
import { WITHHELD } from './marker.ts'
import { matchesField } from './field-globs.ts'
import { compileRedactions, type Redaction } from './redactions.ts'

/** What stands in the place of such a result. */
export const WITHHELD_COLUMNS = `${WITHHELD} The statement uses columns that the policy redacts, and the server’s result does not tell them apart. Leave these columns out.`

/** What is known of one access of a statement. */
type Columns = { resource: unknown; fields: unknown }

/**
 * Whether a statement may show a column that a rule about fields names: it uses one, or it is not known which it uses.
 * `accesses` is the list of a call's accesses, or whatever stands for an unknown one; a call without any has no columns.
 */
export function mayShowFields(
  accesses: readonly Columns[] | object,
  redactions: readonly Redaction[],
): boolean {
  const { fields: rules } = compileRedactions(redactions)
  if (rules.length === 0) return false
  if (!Array.isArray(accesses)) return true
  return (accesses as Columns[]).some(({ resource, fields }) => {
    if (!Array.isArray(fields)) return true
    // A name may hold a dot, and be quoted for it: the globs are tried against every way to take it apart.
    const table = typeof resource === 'string' ? [resource.replaceAll('"', '')] : []
    return (fields as string[]).some((field) => {
      const path = [...table, field.replaceAll('"', '')]
      return rules.some(({ glob }) => matchesField(glob, path))
    })
  })
}
