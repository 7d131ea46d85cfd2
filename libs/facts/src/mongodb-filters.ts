// Filters: the fields they test, and whether they run scripts. What is not listed is not known.
import { isBsonLeaf, isDocument, type BsonDocument } from './mongodb-values.ts'
import { readExpression } from './mongodb-expressions.ts'
import { administers, notesAll, notesField, type Scope } from './mongodb-scope.ts'
import { CannotTell } from './sql/statement.ts'

const words = (text: string): Set<string> => new Set(text.trim().split(/\s+/))

// Their operands are values that a field is compared with: nothing of them is looked up or run.
const comparisons = words(`
  $eq $ne $gt $gte $lt $lte $in $nin $exists $type $size $mod $regex $options $near $nearSphere $geoWithin
  $geoIntersects $within $maxDistance $minDistance $uniqueDocs $bitsAllSet $bitsAllClear $bitsAnySet $bitsAnyClear
`)

/** Notes what a filter tests. `prefix` is the path of what it is applied to. */
export function readFilter(scope: Scope, filter: unknown, prefix = ''): void {
  if (!isDocument(filter)) throw new CannotTell('a filter is not a document')
  for (const [key, value] of Object.entries(filter)) {
    if (!key.startsWith('$')) {
      notesField(scope, prefix + key)
      readCondition(scope, value, prefix + key)
    } else readLogical(scope, key, value, prefix)
  }
}

function readLogical(scope: Scope, key: string, value: unknown, prefix: string): void {
  switch (key) {
    case '$and':
    case '$or':
    case '$nor':
      if (!Array.isArray(value)) throw new CannotTell(`${key} is not a list of filters`)
      for (const member of value) readFilter(scope, member, prefix)
      return
    case '$expr':
      return readExpression(scope, value)
    case '$where':
      notesAll(scope)
      return administers(scope, '$where')
    case '$text':
    case '$jsonSchema':
      // Which fields are searched is the index's to say, or hidden in a schema.
      return notesAll(scope)
    case '$comment':
    case '$sampleRate':
      return
    default:
      throw new CannotTell(`the operator ${key} is not known in a filter`)
  }
}

/** What a field is tested for: operators, or a value that it equals. */
export function readCondition(scope: Scope, value: unknown, path: string): void {
  if (!isDocument(value)) return
  const keys = Object.keys(value)
  if (!keys.some((key) => key.startsWith('$'))) return
  for (const key of keys) {
    if (!key.startsWith('$')) throw new CannotTell(`there is a key ${key} among operators`)
    readTest(scope, key, value[key], path)
  }
}

function readTest(scope: Scope, operator: string, operand: unknown, path: string): void {
  if (comparisons.has(operator)) return
  switch (operator) {
    case '$not':
      if (!isDocument(operand) && !isBsonLeaf(operand)) throw new CannotTell('$not has no operators')
      return readCondition(scope, operand, path)
    case '$elemMatch':
      return readElement(scope, operand, path)
    case '$all':
      if (!Array.isArray(operand)) throw new CannotTell('$all is not a list')
      for (const member of operand) if (isElementMatch(member)) readElement(scope, member['$elemMatch'], path)
      return
    default:
      throw new CannotTell(`the operator ${operator} is not known in a filter`)
  }
}

function isElementMatch(value: unknown): value is BsonDocument {
  return isDocument(value) && Object.hasOwn(value, '$elemMatch')
}

const logical = words('$and $or $nor $expr $where $text $jsonSchema $comment $sampleRate')

/** Members of a list are tested as values, or as documents of their own. */
export function readElement(scope: Scope, operand: unknown, path: string): void {
  if (!isDocument(operand)) throw new CannotTell('$elemMatch has no filter')
  const [first] = Object.keys(operand)
  if (first?.startsWith('$') && !logical.has(first)) readCondition(scope, operand, path)
  else readFilter(scope, operand, `${path}.`)
}
