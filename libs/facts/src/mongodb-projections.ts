// Projections of find and of $project: which fields of a document come out.
import { isDocument, type BsonDocument } from './mongodb-values.ts'
import { operatorOf, readExpression } from './mongodb-expressions.ts'
import { readElement } from './mongodb-filters.ts'
import { notesField, type Scope } from './mongodb-scope.ts'
import { CannotTell } from './sql/statement.ts'

/** What comes out of a projection. */
export type Projected = {
  /** True when all fields come out but those that are named. */
  excludes: boolean
  /** Names that come out as something computed. */
  computed: string[]
}

type Reading = { includes: boolean; computed: string[]; find: boolean }

/** Notes the fields that a projection lets out; `find` has operators of its own. */
export function readProjection(scope: Scope, projection: BsonDocument, form: 'find' | 'stage'): Projected {
  const reading: Reading = { includes: false, computed: [], find: form === 'find' }
  for (const [key, value] of Object.entries(projection)) readPart(scope, key, value, reading)
  if (!reading.includes) return { excludes: true, computed: [] }
  if (!isSwitchedOff(projection['_id'])) notesField(scope, '_id')
  return { excludes: false, computed: reading.computed }
}

function isSwitchedOff(value: unknown): boolean {
  return isSwitch(value) && Number(value) === 0
}

function isSwitch(value: unknown): boolean {
  if (typeof value === 'boolean' || typeof value === 'number') return true
  const type: unknown =
    typeof value === 'object' && value !== null ? Reflect.get(value, '_bsontype') : undefined
  return type === 'Int32' || type === 'Long' || type === 'Double' || type === 'Decimal128'
}

function readPart(scope: Scope, path: string, value: unknown, reading: Reading): void {
  if (path.startsWith('$')) throw new CannotTell(`the operator ${path} is not known in a projection`)
  if (isSwitch(value)) {
    if (isSwitchedOff(value)) return
    reading.includes = true
    return notesField(scope, path)
  }
  const operator = isDocument(value) ? operatorOf(value) : undefined
  if (isDocument(value) && operator === undefined) {
    for (const [key, member] of Object.entries(value)) readPart(scope, `${path}.${key}`, member, reading)
    return
  }
  // A score leaves the other fields where they are.
  if (operator === '$meta') return
  if (reading.find && operator !== undefined && readFindOperator(scope, path, operator, value, reading))
    return
  reading.includes = true
  if (!path.includes('.')) reading.computed.push(path)
  readExpression(scope, value)
}

/** `$slice` leaves the other fields of the document where they are; `$elemMatch` lets only its own out. */
function readFindOperator(
  scope: Scope,
  path: string,
  operator: string,
  value: unknown,
  reading: Reading,
): boolean {
  const operand = (value as BsonDocument)[operator]
  if (operator === '$slice') {
    notesField(scope, path)
    readExpression(scope, operand)
    return true
  }
  if (operator !== '$elemMatch') return false
  reading.includes = true
  notesField(scope, path)
  readElement(scope, operand, path)
  return true
}
