// What an update writes: operators, a whole document in the place of the old one, or a pipeline of stages.
import { isDocument, type BsonDocument } from './mongodb-values.ts'
import { readCondition, readFilter } from './mongodb-filters.ts'
import { addPath, notesField, type Scope } from './mongodb-scope.ts'
import { readUpdatePipeline } from './mongodb-stages.ts'
import { CannotTell, type Entry } from './sql/statement.ts'

const operators = new Set(
  '$set $unset $inc $mul $setOnInsert $push $pullAll $addToSet $pop $min $max $currentDate $bit'.split(' '),
)

/** Notes the fields that an update changes, as fields of the scope's source. */
export function readUpdate(scope: Scope, update: unknown): void {
  if (Array.isArray(update)) return readUpdatePipeline(scope, update)
  if (!isDocument(update)) throw new CannotTell('an update is neither a document nor a list of stages')
  const keys = Object.keys(update)
  if (!keys.some((key) => key.startsWith('$'))) {
    if (scope.source) {
      // What the new document does not have is gone.
      scope.source.allFields = true
      readStored(scope.source, update)
    }
    return
  }
  for (const key of keys) readOperator(scope, key, update[key])
}

function readOperator(scope: Scope, operator: string, operand: unknown): void {
  if (!isDocument(operand)) throw new CannotTell(`${operator} is not an update of fields`)
  for (const [path, value] of Object.entries(operand)) {
    notesField(scope, path)
    if (operator === '$rename') {
      if (typeof value !== 'string') throw new CannotTell('$rename has no new name')
      notesField(scope, value)
    } else if (operator === '$pull') readPulled(scope, path, value)
    else if (!operators.has(operator))
      throw new CannotTell(`the operator ${operator} is not known in an update`)
  }
}

/** `$pull` takes away what a condition matches. */
function readPulled(scope: Scope, path: string, value: unknown): void {
  if (!isDocument(value)) return
  if (Object.keys(value).some((key) => /^\$(?!and$|or$|nor$|where$|expr$)/.test(key)))
    readCondition(scope, value, path)
  else readFilter(scope, value, `${path}.`)
}

/** Notes the fields of a document that is stored. */
export function readStored(entry: Entry, document: BsonDocument, prefix = ''): void {
  for (const [key, value] of Object.entries(document)) {
    if (key.startsWith('$')) throw new CannotTell(`a document that is stored cannot have the key ${key}`)
    addPath(entry, prefix + key)
    for (const member of Array.isArray(value) ? value : [value])
      if (isDocument(member) && prefix.length < 1_000) readStored(entry, member, `${prefix}${key}.`)
  }
}
