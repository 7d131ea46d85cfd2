// Pipelines: what each stage reads and writes. A stage that is not listed is not known.
import type { Entry } from './sql/statement.ts'
import { CannotTell } from './sql/statement.ts'
import { isDocument, type BsonDocument } from './mongodb-values.ts'
import { operatorOf, readExpression } from './mongodb-expressions.ts'
import { readFilter } from './mongodb-filters.ts'
import {
  addFields,
  bucket,
  computes,
  densify,
  documentOf,
  fill,
  geoNear,
  onlyKeys,
  project,
  setWindowFields,
  sort,
  unwind,
  vectorSearch,
} from './mongodb-reshaping.ts'
import {
  administers,
  branch,
  close,
  notesAll,
  notesField,
  scopeOf,
  touch,
  type Scope,
} from './mongodb-scope.ts'

/** Notes what the stages of a pipeline touch, and what of the source comes out at their end. */
export function readPipeline(scope: Scope, pipeline: unknown): void {
  readStages(scope, pipeline, (name) => stages[name])
  if (scope.whole) notesAll(scope)
}

const updateStages = new Set(['$addFields', '$set', '$project', '$unset', '$replaceRoot', '$replaceWith'])

/** A pipeline that changes documents where they are: only of the stages that work on one document. */
export function readUpdatePipeline(scope: Scope, pipeline: unknown): void {
  readStages(scope, pipeline, (name, operand) => {
    if (!updateStages.has(name)) return undefined
    if ((name === '$set' || name === '$addFields') && isDocument(operand))
      for (const path of Object.keys(operand)) notesField(scope, path)
    else if (name !== '$unset') notesAll(scope)
    return stages[name]
  })
}

type Stage = (scope: Scope, operand: unknown, name: string) => void

function readStages(
  scope: Scope,
  pipeline: unknown,
  stageOf: (name: string, operand: unknown) => Stage | undefined,
): void {
  if (!Array.isArray(pipeline)) throw new CannotTell('a pipeline is not a list of stages')
  for (const stage of pipeline as unknown[]) {
    const name = isDocument(stage) ? operatorOf(stage) : undefined
    if (name === undefined) throw new CannotTell('a stage of the pipeline is not one')
    const operand = (stage as BsonDocument)[name]
    const read = stageOf(name, operand)
    if (!read) throw new CannotTell(`the stage ${name} is not known here`)
    read(scope, operand, name)
  }
}

const keeps: Stage = () => undefined
const stages: Record<string, Stage> = Object.assign(Object.create(null) as Record<string, Stage>, {
  $match: (scope, operand) => readFilter(scope, operand),
  $limit: keeps,
  $skip: keeps,
  $sample: keeps,
  $project: (scope, operand) => project(scope, documentOf(operand, '$project')),
  $addFields: addFields,
  $set: addFields,
  $unset: (scope, operand) => {
    for (const path of Array.isArray(operand) ? operand : [operand])
      if (typeof path === 'string') notesField(scope, path)
  },
  $sort: (scope, operand) => sort(scope, documentOf(operand, '$sort')),
  $unwind: (scope, operand) => unwind(scope, operand),
  $group: (scope, operand) => computes(scope, documentOf(operand, '$group')),
  $bucket: bucket,
  $bucketAuto: bucket,
  $count: (scope, operand) => close(scope, typeof operand === 'string' ? [operand] : []),
  $sortByCount: (scope, operand) => computes(scope, { _id: operand, count: null }),
  $facet: (scope, operand) => facet(scope, documentOf(operand, '$facet')),
  $replaceRoot: (scope, operand, name) =>
    computes(scope, { newRoot: documentOf(operand, name)['newRoot'] }, []),
  $replaceWith: (scope, operand) => computes(scope, { newRoot: operand }, []),
  $redact: (scope, operand) => readExpression(scope, operand),
  $setWindowFields: setWindowFields,
  $densify: densify,
  $fill: fill,
  $geoNear: geoNear,
  $documents: (scope, operand) => readExpression(scope, operand),
  $lookup: lookup,
  $graphLookup: graphLookup,
  $unionWith: unionWith,
  $search: (scope) => notesAll(scope),
  $searchMeta: (scope) => {
    notesAll(scope)
    close(scope)
  },
  $vectorSearch: (scope, operand, name) => vectorSearch(scope, documentOf(operand, name)),
  $out: writesTo,
  $merge: merge,
  // About the collection, not from it.
  $collStats: (scope) => close(scope),
  $indexStats: (scope) => close(scope),
  $listSearchIndexes: (scope) => close(scope),
  // What other clients of the server do, and what never ends.
  ...Object.fromEntries(
    (
      '$currentOp $listSessions $listLocalSessions $listSampledQueries $planCacheStats $queryStats $querySettings ' +
      '$changeStream $changeStreamSplitLargeEvent $shardedDataDistribution $listClusterCatalog'
    )
      .split(' ')
      .map((name) => [name, (scope: Scope) => (administers(scope), close(scope))]),
  ),
} satisfies Record<string, Stage>)

/** Only the keys that are known: another may mean something. */
/** Expressions whose results are all that goes on. */
function facet(scope: Scope, facets: BsonDocument): void {
  for (const pipeline of Object.values(facets)) readPipeline(branch(scope), pipeline)
  close(scope, Object.keys(facets))
}

/** The collection that `from`, `coll` or `into` names: a text, or a document with the database. */
function named(scope: Scope, operation: 'read' | 'write', target: unknown, name: string): Entry {
  if (!isDocument(target)) return touch(scope.ledger, scope.names, operation, target)
  const { db, coll } = onlyKeys(target, name, 'db coll timeseries')
  return touch(scope.ledger, scope.names, operation, coll, db)
}

function lookup(scope: Scope, operand: unknown, name: string): void {
  const join = onlyKeys(documentOf(operand, name), name, 'from localField foreignField let pipeline as')
  if (typeof join['localField'] === 'string') notesField(scope, join['localField'])
  readExpression(scope, join['let'])
  // Without a collection the pipeline begins with documents of its own.
  const from = Object.hasOwn(join, 'from') ? named(scope, 'read', join['from'], name) : null
  const joined = scopeOf(scope.ledger, scope.names, from)
  if (typeof join['foreignField'] === 'string') notesField(joined, join['foreignField'])
  readPipeline(joined, join['pipeline'] ?? [])
  if (typeof join['as'] === 'string' && !join['as'].includes('.')) scope.computed.add(join['as'])
}

function graphLookup(scope: Scope, operand: unknown, name: string): void {
  const join = onlyKeys(
    documentOf(operand, name),
    name,
    'from startWith connectFromField connectToField as maxDepth depthField restrictSearchWithMatch',
  )
  readExpression(scope, join['startWith'])
  const joined = scopeOf(scope.ledger, scope.names, named(scope, 'read', join['from'], name))
  if (join['restrictSearchWithMatch'] !== undefined) readFilter(joined, join['restrictSearchWithMatch'])
  notesAll(joined)
  if (typeof join['as'] === 'string' && !join['as'].includes('.')) scope.computed.add(join['as'])
}

function unionWith(scope: Scope, operand: unknown, name: string): void {
  const union = isDocument(operand) ? onlyKeys(operand, name, 'coll db pipeline') : { coll: operand }
  const from = Object.hasOwn(union, 'coll')
    ? touch(scope.ledger, scope.names, 'read', union['coll'], union['db'] ?? scope.names.database)
    : null
  readPipeline(scopeOf(scope.ledger, scope.names, from), union['pipeline'] ?? [])
  // What comes after runs over documents of both: which collection a field is of cannot be told any more.
  if (scope.own && from) {
    notesAll(scope)
    from.allFields = true
  }
}

function writesTo(scope: Scope, operand: unknown, name: string): void {
  const target = named(scope, 'write', operand, name)
  target.allFields = true
}

function merge(scope: Scope, operand: unknown, name: string): void {
  if (!isDocument(operand)) return writesTo(scope, operand, name)
  const {
    into,
    let: variables,
    whenMatched,
  } = onlyKeys(operand, name, 'into on let whenMatched whenNotMatched')
  writesTo(scope, into, name)
  readExpression(scope, variables)
  if (Array.isArray(whenMatched)) {
    const changed = scopeOf(scope.ledger, scope.names, named(scope, 'write', into, name))
    readUpdatePipeline(changed, whenMatched)
  }
}
