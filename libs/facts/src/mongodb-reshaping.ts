// Stages that only change how the documents of one collection look: which fields they read, and which they make.
import { operatorOf, readExpression } from './mongodb-expressions.ts'
import { readFilter } from './mongodb-filters.ts'
import { readProjection } from './mongodb-projections.ts'
import { close, notesAll, notesField, type Scope } from './mongodb-scope.ts'
import { isDocument, type BsonDocument } from './mongodb-values.ts'
import { CannotTell } from './sql/statement.ts'

export function documentOf(operand: unknown, name: string): BsonDocument {
  if (!isDocument(operand)) throw new CannotTell(`${name} is not a document`)
  return operand
}

export function onlyKeys(document: BsonDocument, name: string, keys: string): BsonDocument {
  const known = keys.split(' ')
  for (const key of Object.keys(document))
    if (!known.includes(key)) throw new CannotTell(`${name} with ${key} is not known`)
  return document
}

export function project(scope: Scope, projection: BsonDocument): void {
  const { excludes, computed } = readProjection(scope, projection, 'stage')
  if (excludes) return
  scope.whole = false
  for (const name of computed) scope.computed.add(name)
}

export function addFields(scope: Scope, operand: unknown, name: string): void {
  const added = documentOf(operand, name)
  for (const value of Object.values(added)) readExpression(scope, value)
  for (const [path, value] of Object.entries(added)) {
    // An object of expressions is merged into what is there; so is a path.
    if (!path.includes('.') && !(isDocument(value) && operatorOf(value) === undefined))
      scope.computed.add(path)
  }
}

export function sort(scope: Scope, order: BsonDocument): void {
  for (const [path, direction] of Object.entries(order)) {
    notesField(scope, path)
    readExpression(scope, direction)
  }
}

export function unwind(scope: Scope, operand: unknown): void {
  const unwound = isDocument(operand) ? operand : { path: operand }
  onlyKeys(unwound, '$unwind', 'path includeArrayIndex preserveNullAndEmptyArrays')
  readExpression(scope, unwound['path'])
  const index = unwound['includeArrayIndex']
  if (typeof index === 'string' && !index.includes('.')) scope.computed.add(index)
}

export function computes(scope: Scope, outputs: BsonDocument, names: string[] = Object.keys(outputs)): void {
  for (const output of Object.values(outputs)) readExpression(scope, output)
  close(scope, names)
}

export function bucket(scope: Scope, operand: unknown, name: string): void {
  const {
    groupBy,
    boundaries,
    default: others,
    output = {},
  } = onlyKeys(documentOf(operand, name), name, 'groupBy boundaries default output buckets granularity')
  readExpression(scope, groupBy)
  readExpression(scope, boundaries)
  readExpression(scope, others)
  computes(scope, { ...documentOf(output, name), _id: null })
}

export function setWindowFields(scope: Scope, operand: unknown, name: string): void {
  const { partitionBy, sortBy, output } = onlyKeys(
    documentOf(operand, name),
    name,
    'partitionBy sortBy output',
  )
  readExpression(scope, partitionBy)
  if (sortBy !== undefined) sort(scope, documentOf(sortBy, name))
  const computed: string[] = []
  for (const [path, value] of Object.entries(documentOf(output, name))) {
    // `window` stands beside the operator and holds bounds, no expressions.
    const { window: _, ...expression } = documentOf(value, name)
    readExpression(scope, expression)
    if (!path.includes('.')) computed.push(path)
  }
  for (const path of computed) scope.computed.add(path)
}

export function densify(scope: Scope, operand: unknown, name: string): void {
  const { field, partitionByFields } = onlyKeys(
    documentOf(operand, name),
    name,
    'field partitionByFields range',
  )
  for (const path of [field, partitionByFields].flat()) if (typeof path === 'string') notesField(scope, path)
}

export function fill(scope: Scope, operand: unknown, name: string): void {
  const { partitionBy, partitionByFields, sortBy, output } = onlyKeys(
    documentOf(operand, name),
    name,
    'partitionBy partitionByFields sortBy output',
  )
  readExpression(scope, partitionBy)
  for (const path of [partitionByFields].flat()) if (typeof path === 'string') notesField(scope, path)
  if (sortBy !== undefined) sort(scope, documentOf(sortBy, name))
  for (const [path, value] of Object.entries(documentOf(output, name))) {
    notesField(scope, path)
    readExpression(scope, onlyKeys(documentOf(value, name), name, 'value method'))
  }
}

export function geoNear(scope: Scope, operand: unknown, name: string): void {
  const near = onlyKeys(
    documentOf(operand, name),
    name,
    'near distanceField distanceMultiplier includeLocs key maxDistance minDistance query spherical uniqueDocs limit num',
  )
  readExpression(scope, near['near'])
  readExpression(scope, near['maxDistance'])
  readExpression(scope, near['minDistance'])
  if (near['query'] !== undefined) readFilter(scope, near['query'])
  // Without a key it is the index that says which field is meant.
  if (typeof near['key'] === 'string') notesField(scope, near['key'])
  else notesAll(scope)
  for (const key of ['distanceField', 'includeLocs']) {
    const path = near[key]
    if (typeof path === 'string' && !path.includes('.')) scope.computed.add(path)
  }
}

export function vectorSearch(scope: Scope, search: BsonDocument): void {
  if (search['filter'] !== undefined) readFilter(scope, search['filter'])
  if (typeof search['path'] === 'string') notesField(scope, search['path'])
}
