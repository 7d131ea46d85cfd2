import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, expect, inject, test } from 'vitest'
import { createRoles } from './roles.ts'

const suffix = randomBytes(6).toString('hex')
const [first, second, database] = [`role_a_${suffix}`, `role_b_${suffix}`, `roles_${suffix}`]
const adminUrl = inject('stores').databaseUrl

afterAll(async () => {
  await query(adminUrl, `drop database if exists ${database} with (force)`)
  await query(adminUrl, `drop role if exists ${first}, ${second}`)
})

test('each service works in its own schema and nowhere else, however often the roles are made', async () => {
  await createRoles(adminUrl, { [first]: 'first-password', [second]: 'old' }, database)
  await query(asRole(first, 'first-password'), 'create table kept (id int)')
  await createRoles(adminUrl, { [first]: 'first-password', [second]: "new'password" }, database)

  const { rows } = await query(asRole(first, 'first-password'), 'select to_regclass($1)::text as found', [
    `${first}.kept`,
  ])
  expect(rows).toEqual([{ found: 'kept' }])
  await expect(query(asRole(second, 'old'), 'select 1')).rejects.toThrow(/password/)
  const other = asRole(second, "new'password")
  await expect(query(other, `select * from ${first}.kept`)).rejects.toThrow(/permission denied/)
  await expect(query(other, `create table ${first}.mine (id int)`)).rejects.toThrow(/permission denied/)
  await expect(query(other, 'create table public.mine (id int)')).rejects.toThrow(/permission denied/)
  await expect(query(other, 'create schema mine')).rejects.toThrow(/permission denied/)
  await expect(query(other, `set role ${first}`)).rejects.toThrow(/permission denied/)
  await expect(query(other, 'create temporary table t (id int)')).rejects.toThrow(/permission denied/)
})

function asRole(role: string, password: string): string {
  const url = new URL(adminUrl)
  url.username = role
  url.password = encodeURIComponent(password)
  url.pathname = `/${database}`
  return url.href
}

async function query(url: string, sql: string, values: unknown[] = []): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(sql, values)
  } finally {
    await client.end()
  }
}
