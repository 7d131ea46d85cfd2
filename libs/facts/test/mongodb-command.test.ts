import type { JsonObject } from '@mcpshield/policy/facts'
import { EJSON, ObjectId, serialize } from 'bson'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commandOfTool, MONGODB_VERBS, type MongodbVerb } from '../src/mongodb-command.ts'
import { mongodbFacts } from '../src/mongodb.ts'

const collection = 'users'

describe('the command of a call', () => {
  test.each<[MongodbVerb, JsonObject, object]>([
    ['find', {}, { find: 'users', filter: {} }],
    [
      'find',
      { filter: { a: 1 }, projection: { b: 1 }, sort: { c: -1 }, skip: 2, limit: 3 },
      { find: 'users', filter: { a: 1 }, projection: { b: 1 }, sort: { c: -1 }, skip: 2, limit: 3 },
    ],
    [
      'aggregate',
      { pipeline: [{ $match: {} }] },
      { aggregate: 'users', pipeline: [{ $match: {} }], cursor: {} },
    ],
    ['count', {}, { count: 'users', query: {} }],
    ['distinct', { field: 'a', filter: { b: 1 } }, { distinct: 'users', key: 'a', query: { b: 1 } }],
    ['insert', { documents: [{ a: 1 }] }, { insert: 'users', documents: [{ a: 1 }], ordered: true }],
    [
      'update',
      { filter: { a: 1 }, update: { $set: { b: 2 } }, many: true },
      {
        update: 'users',
        updates: [{ q: { a: 1 }, u: { $set: { b: 2 } }, multi: true, upsert: false }],
        ordered: true,
      },
    ],
    ['delete', { filter: {} }, { delete: 'users', deletes: [{ q: {}, limit: 1 }], ordered: true }],
    [
      'delete',
      { filter: {}, many: true },
      { delete: 'users', deletes: [{ q: {}, limit: 0 }], ordered: true },
    ],
  ])('%s %j', (verb, args, command) => {
    const built = commandOfTool(verb, { collection, ...args })
    expect(built).toEqual(command)
    expect(Object.keys(built)[0]).toBe(verb)
    expect(mongodbFacts(built)).not.toHaveProperty('unknown')
  })

  test('the connection is no part of it, and any other argument that is not known is refused', () => {
    expect(commandOfTool('count', { collection, connection: 'main' })).toEqual({ count: 'users', query: {} })
    expect(commandOfTool('count', { collection, $db: 'hr' })).toHaveProperty('unknown')
    expect(commandOfTool('find', { collection, let: { a: 1 } })).toHaveProperty('unknown')
  })

  test.each<[MongodbVerb, JsonObject]>([
    ['find', {}],
    ['find', { collection: 5 }],
    ['find', { collection: '' }],
    ['find', { collection: 'a$cmd' }],
    ['find', { collection: 'a\0b' }],
    ['find', { collection: 'system.users' }],
    ['find', { collection: 'System.js' }],
    ['find', { collection: 'a'.repeat(300) }],
    ['find', { collection, filter: [] }],
    ['find', { collection, filter: { $oid: '507f1f77bcf86cd799439011' } }],
    ['find', { collection, limit: 0 }],
    ['find', { collection, skip: 1.5 }],
    ['aggregate', { collection }],
    ['aggregate', { collection, pipeline: {} }],
    ['aggregate', { collection, pipeline: ['$out'] }],
    ['distinct', { collection }],
    ['insert', { collection, documents: [], many: true }],
    ['insert', { collection, documents: [{ $where: '1' }] }],
    ['insert', { collection, documents: [{ a: [{ $set: 1 }] }] }],
    ['update', { collection, update: {} }],
    ['update', { collection, filter: {} }],
    ['update', { collection, filter: {}, update: 'x' }],
    ['update', { collection, filter: {}, update: {}, many: 'yes' }],
    ['delete', { collection }],
  ])('%s %j is unknown', (verb, args) => {
    expect(commandOfTool(verb, args)).toHaveProperty('unknown')
  })
})

describe('extended JSON', () => {
  const read = (value: unknown) => commandOfTool('find', { collection, filter: { a: value } as JsonObject })

  test('becomes the values that it writes, the same that the driver reads', () => {
    for (const value of [
      { $oid: '507f1f77bcf86cd799439011' },
      { $date: '2024-01-02T03:04:05.006Z' },
      { $date: { $numberLong: '-5' } },
      { $numberInt: '-7' },
      { $numberLong: '9223372036854775807' },
      { $numberDouble: '1.5e3' },
      { $numberDouble: '-Infinity' },
      { $numberDecimal: '0.1000' },
      { $uuid: '3b241101-e2bb-4255-8caf-4136c566a962' },
      { $binary: { base64: 'AQID', subType: '80' } },
      { $timestamp: { t: 4_000_000_000, i: 1 } },
      { $regularExpression: { pattern: '^a', options: 'im' } },
      { $minKey: 1 },
      { $maxKey: 1 },
    ]) {
      const ours = (read(value) as { filter: object }).filter
      const theirs = EJSON.deserialize({ a: value }, { relaxed: false }) as object
      expect(Buffer.from(serialize(ours)), JSON.stringify(value)).toEqual(Buffer.from(serialize(theirs)))
    }
  })

  test('an operator stays an operator', () => {
    expect(read({ $regex: 'x', $options: 'i' })).toMatchObject({
      filter: { a: { $regex: 'x', $options: 'i' } },
    })
    expect(mongodbFacts(commandOfTool('find', { collection, filter: { $where: '1' } }))).toMatchObject({
      functions: ['$where'],
    })
  })

  test.each([
    ['code', { $code: 'f()' }],
    ['code with a scope', { $code: 'f()', $scope: {} }],
    ['a scope', { $scope: {} }],
    ['a symbol', { $symbol: 'x' }],
    ['undefined', { $undefined: true }],
    ['a reference', { $ref: 'x', $id: 1 }],
    ['a pointer', { $dbPointer: {} }],
    ['a key beside the value, which the driver would drop', { $oid: '507f1f77bcf86cd799439011', $gt: '' }],
    ['an id that is none', { $oid: 5 }],
    ['a date that is none', { $date: 'soon' }],
    ['a date by its milliseconds in a text', { $date: '5' }],
    ['an integer that is too large', { $numberInt: '2147483648' }],
    ['a long that is too large', { $numberLong: '9223372036854775808' }],
    ['base64 that is none', { $binary: { base64: 'A', subType: '00' } }],
    ['the older form of binary', { $binary: 'AQID', $type: '00' }],
    ['options of an expression that are none', { $regularExpression: { pattern: 'a', options: 'g' } }],
    ['a type of the driver', { _bsontype: 'Code', code: 'f()' }],
    ['a method of the driver', { toBSON: 1 }],
    ['a prototype', JSON.parse('{"__proto__": {"$where": "1"}}') as JsonObject],
    ['half a character', '\ud800'],
  ])('%s is refused', (_, value) => {
    expect(read(value)).toHaveProperty('unknown')
    expect(mongodbFacts({ find: collection, filter: { a: value } })).toHaveProperty('unknown')
    expect(read([{ b: value }])).toHaveProperty('unknown')
  })
})

test('what is judged is what is sent: the same bytes, however the arguments come', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...MONGODB_VERBS),
      fc.dictionary(fc.string(), fc.jsonValue()),
      (verb, document) => {
        // As it came in: JSON has no negative zero.
        const filter = JSON.parse(JSON.stringify(document)) as JsonObject
        const args: JsonObject = {
          collection,
          filter,
          documents: [filter],
          pipeline: [{ $match: filter }],
          field: 'a',
          update: [filter],
        }
        const known = {
          find: ['filter'],
          aggregate: ['pipeline'],
          count: ['filter'],
          distinct: ['field', 'filter'],
          insert: ['documents'],
          update: ['filter', 'update'],
          delete: ['filter'],
        }[verb]
        const given = Object.fromEntries(
          Object.entries(args).filter(([name]) => [...known, 'collection'].includes(name)),
        )
        const one = commandOfTool(verb, given)
        const two = commandOfTool(verb, JSON.parse(JSON.stringify(given)) as JsonObject)
        expect(two).toEqual(one)
        if ('unknown' in one) return
        expect(serialize(one)).toEqual(serialize(two))
      },
    ),
  )
})

test('an id is made once and can be judged again', () => {
  const command = commandOfTool('find', { collection, filter: { _id: { $oid: '507f1f77bcf86cd799439011' } } })
  expect((command as { filter: { _id: unknown } }).filter._id).toBeInstanceOf(ObjectId)
  expect(mongodbFacts(command)).toMatchObject({ reads: ['users'], read_only: true })
})
