import { isUnknown } from '@mcpshield/policy/facts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mongodbFacts, type MongodbOptions } from '../src/mongodb.ts'
import type { StatementFacts } from '../src/sql/statement.ts'
import { spec } from './spec.ts'

type CommandSpec = { command: unknown; unknown?: true } & Partial<StatementFacts>

const lines = spec<CommandSpec>('mongodb.jsonl')

function known(command: unknown, options?: MongodbOptions): StatementFacts {
  const facts = mongodbFacts(command, options)
  if ('unknown' in facts) throw new Error(`${JSON.stringify(command)}: ${facts.unknown}`)
  return facts
}

describe('commands of the spec', () => {
  test.each(lines.map((line) => [JSON.stringify(line.command).slice(0, 120), line] as const))(
    '%s',
    (_, { command, unknown, ...expected }) => {
      if (unknown) expect(mongodbFacts(command)).toHaveProperty('unknown')
      else expect(known(command)).toMatchObject(expected)
    },
  )
})

describe('fields', () => {
  const find = (more: object) => known({ find: 'users', ...more }).fields
  const aggregate = (...pipeline: object[]) =>
    known({ aggregate: 'users', pipeline, cursor: {} }).accesses.map(({ resource, fields }) => [
      resource,
      isUnknown(fields) ? null : fields,
    ])

  test('a find without a projection returns every field, with one those it names', () => {
    expect(find({ filter: { a: 1 } })).toBeNull()
    expect(find({ filter: { a: 1 }, projection: { b: 1, _id: 0 } })).toEqual(['a', 'b'])
    expect(find({ filter: { a: 1 }, projection: { b: 1 } })).toEqual(['a', 'b', '_id'])
  })

  test('a projection that only takes fields away, cuts a list or adds a score still returns the others', () => {
    for (const projection of [
      {},
      { a: 0 },
      { _id: 0 },
      { a: { b: 0 } },
      { l: { $slice: 1 } },
      { s: { $meta: 'textScore' } },
      { a: { $numberInt: '0' } },
    ])
      expect(find({ projection }), JSON.stringify(projection)).toBeNull()
    expect(find({ projection: { l: { $slice: 1 }, a: 1 } })).toEqual(['l', 'a', '_id'])
  })

  test('a field is named with all that it lies in, and without places in lists', () => {
    expect(find({ filter: { 'pay.cards.0.no': 1 }, projection: { 'l.$': 1, _id: 0 } })).toEqual([
      'pay',
      'pay.cards',
      'pay.cards.0',
      'pay.cards.0.no',
      'pay.cards.no',
      'l',
    ])
  })

  test.each([
    ['a test in a list', { filter: { l: { $elemMatch: { $or: [{ a: 1 }] } } } }, ['l', 'l.a']],
    ['an order', { sort: { secret: 1 } }, ['secret']],
    ['an expression', { filter: { $expr: { $eq: ['$secret', '$$CURRENT.b'] } } }, ['secret', 'b']],
    ['the bounds of an index', { min: { secret: 1 } }, ['secret']],
    ['a computed field', { projection: { a: '$secret', _id: 0 } }, ['secret']],
    ['a field by its name', { projection: { a: { $getField: 'se.cret' }, _id: 0 } }, ['se.cret']],
  ])('%s names the fields it looks at', (_, more, fields) => {
    const facts = find({ projection: { _id: 0, x: 1 }, ...more })
    expect(facts).toEqual(expect.arrayContaining(fields))
  })

  test.each([
    ['the whole document', { projection: { a: '$$ROOT' } }],
    ['a computed name', { projection: { a: { $getField: { $concat: ['sec', 'ret'] } } } }],
    ['a text index', { filter: { $text: { $search: 'x' } }, projection: { a: 1 } }],
    ['a script', { filter: { $where: 'this.secret' }, projection: { a: 1 } }],
    ['the keys of an index', { projection: { a: 1 }, returnKey: true }],
  ])('%s may be any field', (_, more) => {
    expect(find(more)).toBeNull()
  })

  test('what a pipeline computes is no field of the collection; what it computes it from is', () => {
    expect(aggregate({ $group: { _id: '$c', n: { $sum: '$v' } } }, { $match: { n: 1 } })).toEqual([
      ['users', ['c', 'v']],
    ])
    expect(aggregate({ $addFields: { n: '$v' } }, { $project: { n: 1, _id: 0 } })).toEqual([['users', ['v']]])
    expect(aggregate({ $addFields: { a: { b: 1 } } }, { $project: { 'a.c': 1, _id: 0 } })).toEqual([
      ['users', ['a', 'a.c']],
    ])
    expect(aggregate({ $match: { a: 1 } }, { $count: 'n' })).toEqual([['users', ['a']]])
    expect(aggregate({ $match: { a: 1 } })).toEqual([['users', null]])
    expect(aggregate({ $group: { _id: 1, all: { $push: '$$ROOT' } } })).toEqual([['users', null]])
    expect(aggregate({ $facet: { a: [{ $limit: 1 }] } })).toEqual([['users', null]])
  })

  test('a joined collection gives every field, unless its pipeline names them', () => {
    const lookup = (pipeline: object[]) => ({
      $lookup: { from: 'orders', localField: 'k', foreignField: 'u', pipeline, as: 'o' },
    })
    const last = { $project: { o: 1, _id: 0 } }
    expect(aggregate(lookup([]), last)).toEqual([
      ['users', ['k']],
      ['orders', null],
    ])
    expect(aggregate(lookup([{ $project: { total: 1, _id: 0 } }]), last)).toEqual([
      ['users', ['k']],
      ['orders', ['u', 'total']],
    ])
  })

  test('a write names what it finds by and what it changes', () => {
    expect(known({ update: 'u', updates: [{ q: { a: 1 }, u: { $set: { 'b.c': 2 } } }] }).fields).toEqual([
      'a',
      'b',
      'b.c',
    ])
    expect(known({ insert: 'u', documents: [{ a: 1, b: [{ c: 2 }] }] }).fields).toEqual(['a', 'b', 'b.c'])
    expect(known({ update: 'u', updates: [{ q: {}, u: { a: 1 } }] }).fields).toBeNull()
    expect(known({ delete: 'u', deletes: [{ q: { secret: 1 }, limit: 1 }] }).fields).toEqual(['secret'])
  })
})

describe('databases', () => {
  const home = { database: 'shop' }

  test('the connection’s own goes without its name, another is named', () => {
    expect(known({ find: 'a', $db: 'shop' }, home).reads).toEqual(['a'])
    expect(known({ find: 'a', $db: 'hr' }, home).reads).toEqual(['hr.a'])
    const out = (db: string) => ({ aggregate: 'a', pipeline: [{ $out: { db, coll: 'b' } }], cursor: {} })
    expect(known(out('shop'), home).writes).toEqual(['b'])
    expect(known(out('hr'), home).writes).toEqual(['hr.b'])
  })

  test('where no other may be reached, it is unknown and not a name that a collection may have', () => {
    const command = { aggregate: 'a', pipeline: [{ $out: { db: 'hr', coll: 'b' } }], cursor: {} }
    const facts = known(command, { ...home, foreign: 'unknown' })
    expect(facts.accesses.map(({ resource }) => isUnknown(resource))).toEqual([false, true])
    expect(facts.read_only).toBe(false)
  })

  test('a command in admin, config or local is for administration', () => {
    for (const database of ['admin', 'config', 'local'])
      expect(known({ find: 'a' }, { database }).operations).toEqual(['admin'])
  })
})

/** Every place of a command, with a function that puts something else there. */
function places(
  command: unknown,
  at: (place: unknown, path: string[]) => boolean,
): ((value: unknown) => unknown)[] {
  const found: ((value: unknown) => unknown)[] = []
  const walk = (value: unknown, path: string[], put: (next: unknown) => unknown): void => {
    if (at(value, path)) found.push(put)
    if (typeof value !== 'object' || value === null) return
    for (const key of Object.keys(value)) {
      const member = (value as Record<string, unknown>)[key]
      walk(member, [...path, key], (next) =>
        put(
          Array.isArray(value)
            ? value.map((each: unknown, index) => (String(index) === key ? next : each))
            : { ...value, [key]: next },
        ),
      )
    }
  }
  walk(command, [], (next) => next)
  return found
}

describe('nothing hides', () => {
  const reading = lines.filter(({ read_only: only }) => only).map(({ command }) => command)
  const inData = (path: string[]) => path.includes('$literal') || path.includes('$search')

  test('a stage that writes is seen in every pipeline of every command', () => {
    let tried = 0
    for (const command of reading) {
      const pipelines = places(
        command,
        (value, path) =>
          Array.isArray(value) && !inData(path) && (path.at(-1) === 'pipeline' || path.at(-2) === '$facet'),
      )
      for (const put of pipelines) {
        const facts = mongodbFacts(put([{ $out: 'stolen' }]))
        expect(
          'unknown' in facts || facts.writes.some((name) => /(^|\.)stolen$/.test(name)),
          JSON.stringify(put(0)),
        ).toBe(true)
        tried++
      }
    }
    expect(tried).toBeGreaterThan(60)
  })

  test('a script is seen in the place of every field that an expression reads', () => {
    let tried = 0
    const script = { $function: { body: 'f', args: [], lang: 'js' } }
    for (const command of reading) {
      const expressions = places(
        command,
        (value, path) =>
          typeof value === 'string' && /^\$(?!\$)/.test(value) && !inData(path) && path[0] !== 'filter',
      )
      for (const put of expressions) {
        const facts = mongodbFacts(put(script))
        expect('unknown' in facts || facts.functions.includes('$function')).toBe(true)
        tried++
      }
    }
    expect(tried).toBeGreaterThan(40)
  })

  test('a script is seen in every filter', () => {
    let tried = 0
    for (const command of reading) {
      const filters = places(
        command,
        (_, path) => !inData(path) && ['filter', 'query', '$match'].includes(path.at(-1) ?? ''),
      )
      for (const put of filters) {
        const facts = mongodbFacts(put({ a: 1, $where: '1' }))
        expect('unknown' in facts || facts.functions.includes('$where'), JSON.stringify(put(0))).toBe(true)
        tried++
      }
    }
    expect(tried).toBeGreaterThan(60)
  })

  test('a key that is not known, beside any key of a command, makes it unknown', () => {
    for (const command of reading)
      expect(mongodbFacts({ ...(command as object), evil: { $foo: 1 } })).toHaveProperty('unknown')
  })
})

describe('whatever happens', () => {
  const key = fc.constantFrom(
    ...'find aggregate filter pipeline $match $lookup from $expr $and $or a a.b $where $project $group _id $out __proto__ constructor $db update updates q u $set $oid $date $literal $getField field'.split(
      ' ',
    ),
  )
  const { any } = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 6 },
      fc.constantFrom('users', '$a', '$$ROOT', '', 1, 0, null, true),
      fc.jsonValue(),
      fc.array(tie('any'), { maxLength: 4 }),
      fc.dictionary(key, tie('any'), { maxKeys: 4 }),
    ),
  }))

  test('no JSON makes it throw', () => {
    fc.assert(
      fc.property(
        any,
        fc.constantFrom('find', 'aggregate', 'update', 'count', 'create', 'explain'),
        (value, name) => {
          for (const command of [
            value,
            { [name]: 'users', filter: value, pipeline: [value], updates: value },
          ]) {
            const facts = mongodbFacts(command)
            if ('unknown' in facts) expect(facts.unknown).not.toBe('')
            else expect(facts.accesses.length).toBeGreaterThan(0)
          }
        },
      ),
      { numRuns: 1_000 },
    )
  })

  test('too deep or too large is unknown, at once', () => {
    let deep: unknown = { a: 1 }
    for (let i = 0; i < 100_000; i++) deep = { $and: [deep] }
    const wide = Array.from({ length: 200_000 }, () => ({ a: 1 }))
    const start = performance.now()
    expect(mongodbFacts({ find: 'users', filter: deep })).toHaveProperty('unknown')
    expect(mongodbFacts({ insert: 'users', documents: wide })).toHaveProperty('unknown')
    expect(performance.now() - start).toBeLessThan(1_000)
  })

  test('many long paths are read in time: then all fields are meant', () => {
    const long = Array.from({ length: 400 }, () => 'a').join('.')
    const filter = { $or: Array.from({ length: 20_000 }, (_, i) => ({ [`${long}.${i}`]: 1 })) }
    const start = performance.now()
    expect(known({ find: 'users', filter, projection: { x: 1 } }).fields).toBeNull()
    expect(performance.now() - start).toBeLessThan(1_000)
  })
})
