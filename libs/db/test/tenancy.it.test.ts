import { randomUUID } from 'node:crypto'
import { defineEntity, p } from '@mikro-orm/core'
import { Migration } from '@mikro-orm/migrations'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshSchema } from '@mcpshield/testkit/schema'
import { connectDb, migrateDb, type Db } from '../src/connect.ts'
import { tenancy, tenantTableSql, type Tenancy } from '../src/tenancy.ts'

const ThingRow = defineEntity({
  name: 'ThingRow',
  tableName: 'things',
  properties: { id: p.uuid().primary(), org_id: p.uuid(), name: p.text() },
})
class Things extends Migration {
  override up(): void {
    this.addSql('create table things (id uuid primary key, org_id uuid not null, name text not null)')
    for (const sql of tenantTableSql('things')) this.addSql(sql)
  }
}

const stack = new AsyncDisposableStack()
let db: Db
let tenants: Tenancy
const [one, other] = [randomUUID(), randomUUID()]
const thing = (org_id: string, name = 'a') => ({ id: randomUUID(), org_id, name })

beforeAll(async () => {
  const schema = stack.use(await freshSchema('things'))
  const options = {
    url: schema.url,
    schema: 'things',
    entities: [ThingRow],
    migrations: [{ name: '1', class: Things }],
  }
  await migrateDb(options)
  db = stack.use(await connectDb(options))
  tenants = tenancy(db)
  for (const org of [one, other])
    await tenants.inOrganization(org, async (em) => em.insert(ThingRow, thing(org)))
})
afterAll(() => stack.disposeAsync())

test('a role that row-level security does not hold is not connected', async () => {
  await using schema = await freshSchema('things')
  const options = { schema: 'things', entities: [ThingRow], migrations: [] }
  await expect(connectDb({ ...options, url: schema.adminUrl })).rejects.toThrow('superuser')
  await using own = await connectDb({ ...options, url: schema.url })
  expect(await own.ping()).toBeGreaterThan(0)
})

describe('rows of organisations', () => {
  test('are seen by their own organisation only, also by a query that does not ask for one', async () => {
    const seen = await tenants.inOrganization(one, (em) => em.find(ThingRow, {}))
    expect(seen.map(({ org_id }) => org_id)).toEqual([one])
    const raw = await tenants.inOrganization(one, (em) =>
      em.execute<{ org_id: string }[]>('select org_id from things'),
    )
    expect(raw).toEqual([{ org_id: one }])
  })

  test('are not changed and not deleted by another', async () => {
    await tenants.inOrganization(one, async (em) => {
      expect(await em.nativeUpdate(ThingRow, { org_id: other }, { name: 'b' })).toBe(0)
      expect(await em.nativeDelete(ThingRow, { org_id: other })).toBe(0)
      await em.execute('delete from things where org_id <> ?', [one])
    })
    expect(await tenants.inOrganization(other, (em) => em.count(ThingRow, {}))).toBe(1)
  })

  test('are not written into another, nor moved there', async () => {
    const insert = tenants.inOrganization(one, (em) => em.insert(ThingRow, thing(other)))
    await expect(insert).rejects.toThrow('row-level security')
    const move = tenants.inOrganization(one, (em) => em.nativeUpdate(ThingRow, {}, { org_id: other }))
    await expect(move).rejects.toThrow('row-level security')
  })

  test('are not there for who names no organisation, also on a connection that has named one before', async () => {
    for (let tries = 0; tries < 12; tries++) {
      await tenants.inOrganization(one, (em) => em.count(ThingRow, {}))
      expect(await db.fork().count(ThingRow, {})).toBe(0)
    }
    await expect(db.fork().insert(ThingRow, thing(one))).rejects.toThrow('row-level security')
  })

  test('are all there for work that belongs to none, which no request can ask for', async () => {
    expect(await tenants.acrossOrganizations((em) => em.count(ThingRow, {}))).toBe(2)
    expect(() => tenants.inOrganization('*', (em) => em.count(ThingRow, {}))).toThrow()
    for (const text of ['', "' or true --", one.toUpperCase()]) {
      expect(await tenants.inOrganization(text, (em) => em.count(ThingRow, {}))).toBe(0)
    }
  })
})
