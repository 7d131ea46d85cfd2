// The connector on a real server that speaks MongoDB's protocol: documents, limits, values, failures.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { BSON, MongoClient, type Db } from 'mongodb'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { redactValue } from '@mcpshield/redact/redact-value'
import { startMongodb } from '@mcpshield/testkit/mongodb'
import type { Connector, Grant } from '../src/connectors/connector.ts'
import { mongodbConnector } from '../src/connectors/mongodb.ts'
import type { ArgsOf } from '../src/connectors/tools.ts'
import { reading, spec, writing, type Tool } from './mongodb-grants.ts'

const server = await startMongodb()
if (server === undefined) console.warn('SKIPPED: the connector of MongoDB, for want of a server')

describe.skipIf(server === undefined)('on a server', () => {
  let connector: Connector
  let client: MongoClient
  let db: Db
  const run = <Name extends Tool>(tool: Name, args: ArgsOf<Name>, grant = reading()) =>
    connector.run(tool, args, grant)
  const find = (args: Partial<ArgsOf<'mongodb.find'>> = {}, grant = reading()) =>
    run('mongodb.find', { collection: 'people', ...args }, grant)
  const message = (running: Promise<unknown>) =>
    running.then(
      () => 'no failure',
      (error: Error) => error.message,
    )

  beforeAll(async () => {
    client = await MongoClient.connect(server?.url ?? '')
    db = client.db()
    await db.collection('many').insertMany(Array.from({ length: 2_500 }, (_, n) => ({ n })))
    connector = mongodbConnector(spec(server?.url ?? ''))
  })
  afterAll(async () => {
    await connector?.[Symbol.asyncDispose]()
    await client?.close()
    await server?.[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    await db.collection('people').deleteMany({})
    await db.collection<{ _id: number; [field: string]: unknown }>('people').insertMany([
      { _id: 1, name: 'ann', password: 'hunter2', at: { city: 'Bern' }, n: 1 },
      { _id: 2, name: 'bob', password: 'swordfish', at: { city: 'Oslo' }, n: 2 },
    ])
  })

  test('documents are found, counted and told apart', async () => {
    expect(await find({ filter: { n: { $gt: 1 } }, projection: { name: 1 } })).toEqual({
      data: { documents: [{ _id: 2, name: 'bob' }] },
      about: { count: 1 },
      rows: 1,
      cut: false,
    })
    expect((await find({ sort: { n: -1 }, skip: 1, limit: 1 })).data).toMatchObject({
      documents: [{ _id: 1 }],
    })
    const pipeline = [{ $match: { n: { $gte: 1 } } }, { $group: { _id: null, sum: { $sum: '$n' } } }]
    expect((await run('mongodb.aggregate', { collection: 'people', pipeline })).data).toEqual({
      documents: [{ _id: null, sum: 3 }],
    })
    expect((await run('mongodb.count', { collection: 'people', filter: { n: 1 } })).data).toEqual({
      count: 1,
    })
    expect((await run('mongodb.distinct', { collection: 'people', field: 'name' })).data).toEqual({
      values: ['ann', 'bob'],
    })
  })

  test('documents are written, and counts told', async () => {
    const documents = [{ _id: 10, a: 1 }, { a: 2 }]
    expect((await run('mongodb.insert', { collection: 'people', documents }, writing())).about).toEqual({
      inserted: 2,
    })
    const update = { collection: 'people', filter: { n: { $gt: 0 } }, update: { $set: { seen: true } } }
    expect((await run('mongodb.update', update, writing())).about).toEqual({
      matched: 1,
      modified: 1,
      upserted: 0,
    })
    expect((await run('mongodb.update', { ...update, many: true }, writing())).about).toEqual({
      matched: 2,
      modified: 1,
      upserted: 0,
    })
    const added = { ...update, filter: { _id: 99 }, upsert: true }
    expect((await run('mongodb.update', added, writing())).about).toEqual({
      matched: 0,
      modified: 0,
      upserted: 1,
    })
    const gone = { collection: 'people', filter: { _id: { $gte: 10 } } }
    expect((await run('mongodb.delete', gone, writing())).about).toEqual({ deleted: 1 })
    expect(await db.collection('people').countDocuments({ seen: true })).toBe(3)
  })

  test('values survive JSON, and come back as arguments', async () => {
    const id = new BSON.ObjectId('0123456789abcdef01234567')
    await db.collection('types').deleteMany({})
    await db.collection<object>('types').insertOne({
      _id: id,
      long: BSON.Long.fromString('9007199254740993'),
      small: BSON.Long.fromNumber(5),
      double: 1.5,
      whole: new BSON.Double(2),
      at: new Date('2026-01-02T03:04:05.678Z'),
      bytes: new BSON.Binary(Buffer.from([0, 255]), 0),
      uuid: new BSON.UUID('01234567-89ab-4def-8123-456789abcdef'),
      nothing: null,
      list: [1, 'ü😀', { deep: true }],
      when: new BSON.Timestamp({ t: 1, i: 2 }),
      like: new BSON.BSONRegExp('^a', 'i'),
    } as object)
    const { data } = await run('mongodb.find', { collection: 'types' })
    expect(data.documents).toEqual([
      {
        _id: { $oid: '0123456789abcdef01234567' },
        long: { $numberLong: '9007199254740993' },
        small: 5,
        double: 1.5,
        whole: 2,
        at: { $date: '2026-01-02T03:04:05.678Z' },
        bytes: { $binary: { base64: 'AP8=', subType: '00' } },
        uuid: { $uuid: '01234567-89ab-4def-8123-456789abcdef' },
        nothing: null,
        list: [1, 'ü😀', { deep: true }],
        when: { $timestamp: { t: 1, i: 2 } },
        like: { $regularExpression: { pattern: '^a', options: 'i' } },
      },
    ])
    for (const name of ['_id', 'long', 'at', 'uuid']) {
      const [document] = data.documents as Record<string, object>[]
      const filter = { [name]: document?.[name] } as ArgsOf<'mongodb.count'>['filter']
      expect((await run('mongodb.count', { collection: 'types', filter })).data, name).toEqual({ count: 1 })
    }
    const withheld = await run('mongodb.find', { collection: 'types' }, reading({ redacts: true }))
    expect(withheld.data.documents).toMatchObject([{ bytes: '[withheld:redaction_not_possible]' }])
  })

  test('documents and bytes are cut where the grant says, over batches, and no cursor is left', async () => {
    const many = (change: Partial<Grant>) =>
      run('mongodb.find', { collection: 'many', sort: { n: 1 } }, reading(change))
    const all = await many({ maxRows: 5_000 })
    expect([all.rows, all.cut]).toEqual([2_500, false])
    expect((all.data.documents as { n: number }[]).map(({ n }) => n)).toEqual(
      Array.from({ length: 2_500 }, (_, n) => n),
    )
    const some = await many({ maxRows: 2_000 })
    expect([some.rows, some.cut]).toEqual([2_000, true])
    expect(await many({ maxRows: 3 })).toMatchObject({ rows: 3, cut: true })
    expect(
      await run('mongodb.find', { collection: 'many', limit: 3 }, reading({ maxRows: 3 })),
    ).toMatchObject({
      rows: 3,
      cut: false,
    })
    const bytes = await many({ maxBytes: 500 })
    expect(JSON.stringify(bytes.data).length).toBeLessThan(600)
    expect(bytes.cut).toBe(true)
    const distinct = await run(
      'mongodb.distinct',
      { collection: 'many', field: 'n' },
      reading({ maxRows: 3 }),
    )
    expect(distinct).toMatchObject({ rows: 3, cut: true })
  })

  test('a failure does not quote what is stored', async () => {
    await db.collection('people').createIndex({ password: 1 }, { unique: true })
    const documents = [{ a: 1, password: 'fine' }, { password: 'hunter2' }]
    const told = await message(run('mongodb.insert', { collection: 'people', documents }, writing()))
    expect(told).toBe(
      'MongoDB: a document with such a key is there already (E11000). Before that, 1 were done.',
    )
    await db.collection('people').dropIndexes()
    const update = { collection: 'people', filter: { _id: 1 }, update: { $inc: { password: 1 } } }
    expect(await message(run('mongodb.update', update, writing()))).toMatch(
      /^MongoDB: the command failed on what is stored/,
    )
    expect(await message(find({ filter: { $nothing: 1 } }))).toMatch(/^(MongoDB|Not run): /)
  })

  test('50 calls at a time are all answered, each with its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => run('mongodb.find', { collection: 'many', filter: { n } })),
    )
    expect(answers.map(({ data }) => (data.documents as { n: number }[])[0]?.n)).toEqual(
      Array.from({ length: 50 }, (_, n) => n),
    )
  })

  describe('where a policy redacts by field', () => {
    const shown = async <Name extends Tool>(tool: Name, args: ArgsOf<Name>, field: string) => {
      const { data, sources } = await run(tool, args, reading({ needsSources: true, redacts: true }))
      const redact = [{ fields: [field], with: 'mask' as const }]
      const values = Object.entries(data).map(([name, each]) => [
        name,
        redactValue(each, redact, { keyedHash: () => '', sources }).value,
      ])
      return JSON.stringify(Object.fromEntries(values))
    }
    const pipelines: object[][] = [
      [{ $match: {} }],
      [{ $project: { name: '$password' } }],
      [{ $group: { _id: '$password' } }],
      [{ $group: { _id: null, name: { $push: '$password' } } }],
    ]

    test.for(pipelines)('a field does not get out of a pipeline under any name: %j', async (...stages) => {
      const pipeline = stages[0] as ArgsOf<'mongodb.aggregate'>['pipeline']
      const list = Array.isArray(pipeline) ? pipeline : [pipeline]
      const told = await shown(
        'mongodb.aggregate',
        { collection: 'people', pipeline: list },
        '*.password',
      ).catch((error: Error) => error.message)
      expect(told).not.toMatch(/hunter2|swordfish/)
    })

    test('nor out of find or distinct, while the others do', async () => {
      const all = await shown('mongodb.find', { collection: 'people' }, 'people.password')
      expect(all).not.toMatch(/hunter2|swordfish/)
      expect(all).toContain('"name":"ann"')
      const nested = await shown('mongodb.find', { collection: 'people' }, 'city')
      expect(nested).not.toMatch(/Bern|Oslo/)
      const distinct = (field: string) =>
        shown('mongodb.distinct', { collection: 'people', field }, '*.password')
      expect(await distinct('password')).toBe('{"values":{"password":"[redacted:field]"}}')
      expect(await distinct('name')).toBe('{"values":{"name":["ann","bob"]}}')
    })

    test('nor out of distinct by its position in a list', async () => {
      await db.collection('people').deleteMany({})
      await db.collection('people').insertOne({ phones: ['555'], contacts: [{ phone: '555', name: 'eve' }] })
      const distinct = (field: string, rule: string) =>
        shown('mongodb.distinct', { collection: 'people', field }, rule)
      for (const rule of ['people.phones', 'phones', '*.phones', 'people.phones.0']) {
        expect(await distinct('phones.0', rule)).toBe('{"values":{"phones.0":"[redacted:field]"}}')
      }
      for (const rule of ['people.contacts.phone', 'contacts.phone', '*.phone', 'people.contacts.0.phone']) {
        expect(await distinct('contacts.0.phone', rule)).toBe(
          '{"values":{"contacts.0.phone":"[redacted:field]"}}',
        )
      }
      expect(await distinct('contacts.0.name', 'people.contacts.phone')).toContain('eve')
      expect(await distinct('contacts.0', 'people.contacts.phone')).not.toContain('555')
      expect(await shown('mongodb.find', { collection: 'people' }, 'people.contacts.phone')).toMatch(
        /"phones":\["555"\],"contacts":\[\{"phone":"\[redacted:field\]","name":"eve"\}\]/,
      )
    })
  })

  test('a command whose client went away is given up at once', async () => {
    const gone = new AbortController()
    gone.abort()
    await expect(find({}, reading({ signal: gone.signal }))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'The client went away.',
    })
  })

  test('a server that falls silent, or breaks the connection, is an answer; when it is back, so are the answers', async () => {
    await using between = await relay(server?.url ?? '')
    await using far = mongodbConnector(spec(`${between.url}&serverSelectionTimeoutMS=1000`))
    const ask = (change: Partial<Grant> = {}) =>
      far.run('mongodb.count', { collection: 'people' }, reading(change))
    expect((await ask()).data).toEqual({ count: 2 })
    const back = () =>
      expect
        .poll(() =>
          ask().then(
            ({ data }) => data,
            () => undefined,
          ),
        )
        .toEqual({ count: 2 })
    between.pause()
    const broken = expect(ask()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect.poll(() => between.held()).toContain('people')
    between.resume()
    between.cut()
    await broken
    await back()
    between.pause()
    await expect(ask({ timeoutMs: 100 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: 'The command was stopped after 100 ms.',
    })
    const gone = new AbortController()
    const ended = expect(ask({ signal: gone.signal })).rejects.toMatchObject({
      message: 'The client went away.',
    })
    gone.abort()
    await ended
    between.resume()
    between.cut()
    await back()
  })
})

test('a server that is not there is said so, without its address or password', async () => {
  await using nowhere = mongodbConnector(
    spec('mongodb://root:geheim@127.0.0.1:9/z?serverSelectionTimeoutMS=100', { name: 'gone' }),
  )
  const asked = nowhere.run('mongodb.count', { collection: 'people' }, reading())
  await expect(asked).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'The database behind the connection gone cannot be reached.',
    cause: expect.objectContaining({ message: 'MongoServerSelectionError' }),
  })
})

test.for([
  ['mongodb://127.0.0.1', 'has no database in its URL'],
  ['mongodb://127.0.0.1/?tls=true', 'has no database in its URL'],
  ['mongodb://127.0.0.1/admin', 'has a database of the server’s own'],
  ['http://127.0.0.1/x', 'needs a URL that begins with mongodb://'],
  ['mongodb://a:geheim@/x', 'has a URL that cannot be followed'],
] as const)('a URL that cannot be followed as it is written is refused: %s', ([url, why]) => {
  expect(() => mongodbConnector(spec(url))).toThrow(why)
})

/** A server in between that can fall silent and break its connections. */
async function relay(url: string) {
  const target = new URL(url)
  const port = Number(target.port)
  const sockets = new Set<Socket>()
  let isPaused = false
  let held = ''
  const between: Server = createServer((near) => {
    const far = connect(port, target.hostname)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk) => {
        if (isPaused) held += chunk.toString('latin1')
        else to.write(chunk)
      })
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
    }
  })
  between.listen(0, '127.0.0.1')
  await once(between, 'listening')
  target.port = String((between.address() as { port: number }).port)
  const cut = () => sockets.forEach((socket) => socket.destroy())
  return {
    url: target.href,
    pause: () => (isPaused = true),
    /** What came while it was silent. */
    held: () => held,
    resume: () => (isPaused = false),
    cut,
    async [Symbol.asyncDispose]() {
      between.close()
      cut()
    },
  }
}
