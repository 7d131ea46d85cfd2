// What the database account of a connection may do. Rights that no policy needs are the database's own wall left open.
import type pg from 'pg'

type Account = { superuser: boolean; files: boolean; bypass: boolean; writes: boolean }

/** What an operator should know of the account; undefined when there is nothing, or when it cannot be told. */
export async function accountWarning(client: pg.PoolClient, name: string): Promise<string | undefined> {
  const { rows } = await client.query<Account>(ACCOUNT).catch(() => ({ rows: [] }))
  const [account] = rows
  if (account === undefined) return undefined
  const rights = [
    account.superuser ? 'is a superuser' : undefined,
    account.files ? 'may reach files or programs of the server' : undefined,
    account.bypass ? 'passes by row security' : undefined,
    account.writes ? 'may change tables' : undefined,
  ].filter((each) => each !== undefined)
  if (rights.length === 0) return undefined
  return `the account of the connection ${name} ${rights.join(', ')}: give it no more rights than its policies use`
}

const ACCOUNT = `
select r.rolsuper as superuser, r.rolbypassrls and not r.rolsuper as bypass,
  not r.rolsuper and exists (
    select from pg_catalog.pg_roles m
    where m.rolname in ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
      and pg_catalog.pg_has_role(m.oid, 'usage')) as files,
  not r.rolsuper and exists (
    select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
      and pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')) as writes
from pg_catalog.pg_roles r where r.rolname = current_user`
