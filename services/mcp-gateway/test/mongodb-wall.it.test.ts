// The second wall alone: the connector is told that a command only reads, or which collections it reaches, and that
// is not so. And what it makes of values, sources and errors. No server is needed for any of this.
import { BSON } from 'mongodb'
import { afterAll, describe, expect, test } from 'vitest'
import type { Grant } from '../src/connectors/connector.ts'
import { toldOf } from '../src/connectors/mongodb-errors.ts'
import { sourcesOf } from '../src/connectors/mongodb-sources.ts'
import { toJson } from '../src/connectors/mongodb-values.ts'
import { mongodbConnector } from '../src/connectors/mongodb.ts'
import type { ArgsOf } from '../src/connectors/tools.ts'
import { accesses, reading, spec, writing, type Tool } from './mongodb-grants.ts'

describe('whatever a command was decided as', () => {
  const nowhere = mongodbConnector(spec('mongodb://127.0.0.1:9/test?serverSelectionTimeoutMS=100'))
  afterAll(() => nowhere[Symbol.asyncDispose]())
  const why = (tool: Tool, args: object, grant: Grant) =>
    nowhere.run(tool, args as ArgsOf<Tool>, grant).then(
      () => 'run',
      (error: Error) => error.message,
    )
  const aggregate = (stage: object, grant = reading()) =>
    why('mongodb.aggregate', { collection: 'people', pipeline: [stage] }, grant)

  test.for([
    ['mongodb.insert', { collection: 'people', documents: [{ a: 1 }] }],
    ['mongodb.update', { collection: 'people', filter: {}, update: { $set: { a: 1 } } }],
    ['mongodb.delete', { collection: 'people', filter: {} }],
  ] as [Tool, object][])('reading does not change: %s', async ([tool, args]) => {
    expect(await why(tool, args, reading({ accesses: accesses('read', ['people']) }))).toMatch(/^Not run: /)
    expect(await why(tool, args, writing())).toMatch(/cannot be reached/)
  })

  test.for([
    { $out: 'people' },
    { $out: { db: 'test', coll: 'people' } },
    { $merge: 'people' },
    { $merge: { into: 'people' } },
    { $merge: {} },
    { $lookup: { from: 'people', pipeline: [{ $out: 'people' }], as: 'x' } },
    { $facet: { a: [{ $merge: { into: 'people' } }] } },
    { $match: { $where: 'true' } },
    { $match: { $expr: { $function: { body: 'x', args: [], lang: 'js' } } } },
    { $group: { _id: null, x: { $accumulator: {} } } },
    { $project: { x: { $function: { body: 'x', args: [], lang: 'js' } } } },
  ])('reading writes nothing and runs no script: %j', async (stage) => {
    expect(await aggregate(stage)).toMatch(/^Not run: \$\w+ would (write|run a script)/)
  })

  test.for([
    { $lookup: { from: 'secrets', localField: 'a', foreignField: 'a', as: 'x' } },
    { $lookup: { from: { db: 'other', coll: 'people' }, pipeline: [], as: 'x' } },
    { $graphLookup: { from: 'secrets', startWith: 1, connectFromField: 'a', connectToField: 'a', as: 'x' } },
    { $unionWith: 'secrets' },
    { $unionWith: { coll: 'secrets', pipeline: [] } },
    { $facet: { a: [{ $unionWith: 'secrets' }] } },
    { $lookup: { from: 'many', pipeline: [{ $unionWith: 'secrets' }], as: 'x' } },
  ])('no collection is reached that was not decided: %j', async (stage) => {
    expect(await aggregate(stage)).toMatch(/^Not run: \$\w+ reaches another collection/)
    const both = reading({ accesses: accesses('read', ['people', 'many', 'secrets', 'other.people']) })
    expect(await aggregate(stage, both)).toMatch(/cannot be reached/)
  })

  test.for([
    { $match: { a: { $gt: 1 } } },
    { $project: { x: { $literal: { $out: 'people' } } } },
    { $project: { x: { $literal: '$out' } } },
    { $lookup: { from: 'many', localField: 'a', foreignField: 'a', as: 'x' } },
  ])('what only reads what was decided is let through: %j', async (stage) => {
    expect(await aggregate(stage)).toMatch(/cannot be reached/)
  })

  test('writing reaches only the collections that were decided for writing', async () => {
    const grant = writing({ accesses: [...accesses('read', ['many']), ...accesses('write', ['made'])] })
    const args = { documents: [{ a: 1 }] }
    expect(await why('mongodb.insert', { collection: 'many', ...args }, grant)).toMatch(
      /^Not run: it reaches many/,
    )
    expect(await why('mongodb.insert', { collection: 'made', ...args }, grant)).toMatch(/cannot be reached/)
    const out = (to: string) =>
      why('mongodb.aggregate', { collection: 'many', pipeline: [{ $out: to }] }, grant)
    expect(await out('many')).toMatch(/^Not run: \$out reaches another collection/)
    expect(await out('made')).toMatch(/cannot be reached/)
  })

  test('a script is run only where administration was decided', async () => {
    const where = { collection: 'people', filter: { $where: 'true' } }
    expect(await why('mongodb.delete', where, writing())).toMatch(/\$where would run a script/)
    expect(await why('mongodb.find', where, reading())).toMatch(/\$where would run a script/)
  })
})

test.for([
  [BSON.Decimal128.fromString('1.10'), { $numberDecimal: '1.10' }],
  [BSON.Long.fromString('-9223372036854775808'), { $numberLong: '-9223372036854775808' }],
  [Number.NaN, { $numberDouble: 'NaN' }],
  [new Date(-1), { $date: { $numberLong: '-1' } }],
  [new BSON.MinKey(), { $minKey: 1 }],
  [new BSON.Code('x'), { $code: 'x' }],
  [undefined, null],
  [
    { _bsontype: 'Long', low: 1 },
    { _bsontype: 'Long', low: 1 },
  ],
  [Object.fromEntries([['__proto__', 1]]), Object.fromEntries([['__proto__', 1]])],
] as [unknown, unknown][])('a value that is no JSON keeps what it is: %o', ([value, wanted]) => {
  expect(toJson(value, false)).toEqual(wanted)
})

describe('the source of a field', () => {
  const documents = [{ _id: 1, name: 'ann', at: { city: 'x' } }]
  const of = (command: Record<string, unknown>) => sourcesOf(command, 'people', documents)
  const known = { _id: [['people', '_id']], name: [['people', 'name']], at: [['people', 'at']] }

  test.for([
    { find: 'people', projection: {} },
    { find: 'people', projection: { name: 1, 'at.city': true } },
    { find: 'people', projection: { other: 0 } },
    { find: 'people', projection: { at: { city: 1 }, name: { $slice: 2 } } },
    { aggregate: 'people', pipeline: [{ $match: {} }, { $sort: { name: 1 } }, { $limit: 1 }, { $skip: 0 }] },
    { aggregate: 'people', pipeline: [{ $unset: 'other' }, { $project: { name: 1, at: 1 } }] },
  ])('is its own name where names are kept: %j', (command) => {
    expect(of(command)).toEqual(known)
  })

  test.for([
    { find: 'people', projection: { name: '$password' } },
    { find: 'people', projection: { name: { $concat: ['$password'] } } },
    { find: 'people', projection: { name: { $meta: 'textScore' } } },
    { find: 'people', projection: { 'name.x': '$password' } },
    { find: 'people', projection: { name: { x: '$password' } } },
    { find: 'people', projection: { name: ['$password'] } },
    { aggregate: 'people', pipeline: [{ $project: { name: { $slice: ['$password', 1] } } }] },
    { aggregate: 'people', pipeline: [{ $project: { name: '$password' } }, { $project: { name: 1 } }] },
    { aggregate: 'people', pipeline: [{ $set: { name: '$password' } }] },
    { aggregate: 'people', pipeline: [{ $addFields: { 'name.x': '$password' } }] },
  ])('is not known where it may be computed: %j', (command) => {
    expect(of(command)).toMatchObject({ name: 'unknown', at: [['people', 'at']] })
  })

  test.for(['$group', '$unwind', '$replaceRoot', '$lookup', '$facet', '$sortByCount', '$bucket', '$new'])(
    'is not known after a stage that makes documents anew: %s',
    (stage) => {
      const sources = of({ aggregate: 'people', pipeline: [{ [stage]: {} }, { $project: { name: 1 } }] })
      expect(sources).toEqual({ _id: 'unknown', name: 'unknown', at: 'unknown' })
    },
  )
})

test.for([
  [
    11000,
    'DuplicateKey',
    "E11000 duplicate key error collection: test.people index: mail_1 dup key: { mail: 'x@y' }",
  ],
  [
    14,
    'TypeMismatch',
    "Cannot apply $inc to a value of non-numeric type. {_id: 'x@y'} has the field 'n' of …",
  ],
  [241, 'ConversionFailure', "Failed to parse number 'x@y' in $convert with no onError value"],
  [9, 'FailedToParse', "PlanExecutor error during aggregation :: caused by :: 'x@y'"],
  [2, 'BadValue', "The field 'a' must be an array but is of type string in document {_id: 'x@y'}"],
] as const)('an error that may quote documents is told without: %i %s', ([code, name, text]) => {
  expect(toldOf(code, name, text)).not.toContain('x@y')
})

test('an error about the text of a command is told', () => {
  expect(toldOf(40324, 'Location40324', "Unrecognized pipeline stage name: '$nothing'")).toContain('$nothing')
  expect(toldOf(2, 'BadValue', 'unknown operator: $nothing')).toContain('$nothing')
})
