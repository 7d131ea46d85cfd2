import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RpcDef } from '@mcpshield/contracts/define'
import { projects } from '@mcpshield/contracts/projects'
import { connectDb, migrateDb } from '@mcpshield/db/connect'
import { freshSchema } from '@mcpshield/testkit/schema'
import { database } from '../src/entities.ts'
import { heldCall } from './held-call.ts'
import { startWorld, type User, type World } from './world.ts'

const { rpc } = projects
const stack = new AsyncDisposableStack()
let world: World
let owner: User
let stranger: User

beforeAll(async () => {
  world = stack.use(await startWorld())
  ;[owner, stranger] = await Promise.all([world.owner(), world.owner()])
})
afterAll(() => stack.disposeAsync())

let counter = 0
const project = (user = owner) => user.call(rpc.createProject, { name: `project ${++counter}` })
const echo = 'version: 1\nrules:\n  - { id: echo, tool: "files/echo", decision: allow }\n'
const stdio = { slug: 'files', transport: 'stdio' as const, command: 'npx' }

describe('the schema', () => {
  test('the migrations lead to what the entities say, and are harmless when run again', async () => {
    expect(await migrateDb(database(world.schema.url))).toEqual([])
    await using db = await connectDb(database(world.schema.url))
    const difference = await db.orm.schema.getUpdateSchemaSQL({ wrap: false })
    // Foreign keys and row-level security are the database's own: entities do not know them.
    const lines = difference
      .split('\n')
      .filter(
        (line) => line !== '' && !/drop constraint "\w+_fkey"|policy "tenant"|row level security/.test(line),
      )
    expect(lines).toEqual([])
  })
})

describe('the database', () => {
  test('keeps the rows of every table that belong to an organisation from whoever names none or another', async () => {
    await project()
    await using service = await connected(world.schema.url)
    const { rows: roles } = await service.query(
      'select rolsuper or rolbypassrls as exempt from pg_roles where rolname = current_user',
    )
    expect(roles).toEqual([{ exempt: false }])
    const { rows } = await service.query<{ name: string; kept: boolean; tenant: string | null }>(
      `select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as kept,
              (select string_agg(p.polname, ',') from pg_policy p where p.polrelid = c.oid) as tenant
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'projects' and c.relkind = 'r'
         and (c.relname = 'organizations' or exists (
           select 1 from pg_attribute a where a.attrelid = c.oid and a.attname in ('org_id', 'project_id')))`,
    )
    expect(rows.length).toBeGreaterThanOrEqual(10)
    expect(rows.filter(({ kept, tenant }) => !kept || tenant !== 'tenant')).toEqual([])
    for (const { name } of rows) {
      expect((await service.query(`select * from ${name}`)).rows, name).toEqual([])
    }
    await service.query("select set_config('mcpshield.org', $1, false)", [stranger.caller.org_id])
    const seen = await service.query<{ org_id: string }>(
      'select org_id from members union select id from organizations',
    )
    expect(seen.rows).toEqual([{ org_id: stranger.caller.org_id }])
  })

  test('of before is brought along: every row gets its organisation, members stay what they were', async () => {
    await using schema = await freshSchema('projects')
    const options = database(schema.url)
    await migrateDb({ ...options, migrations: options.migrations.slice(0, 2) })
    const [org, user, own] = [randomUUID(), randomUUID(), randomUUID()]
    await using admin = await connected(schema.adminUrl)
    await admin.query(`insert into organizations values ('${org}', 'Old', '${user}', now(), now())`)
    await admin.query(`insert into members values ('${user}', '${org}', 'owner', now())`)
    await admin.query(
      `insert into projects values ('${own}', '${org}', 'p', 'dev', '[]', 'enforce', false, 1, 1, now(), now())`,
    )
    await admin.query(
      `insert into policy_versions values ('${own}', 1, '', '{}', '', null, null, '[]', now())`,
    )
    await admin.query(`insert into api_keys (id, project_id, name, prefix, digest, labels, created_at)
      values ('${randomUUID()}', '${own}', 'k', 'mcps_', 'd', '[]', now())`)
    await admin.query(`insert into connections (id, project_id, name, kind, options, created_at)
      values ('${randomUUID()}', '${own}', 'c', 'files', '{}', now())`)
    expect(await migrateDb(options)).toEqual(options.migrations.slice(2).map(({ name }) => name))
    for (const table of ['policy_versions', 'api_keys', 'connections', 'members']) {
      expect((await admin.query(`select org_id from ${table}`)).rows, table).toEqual([{ org_id: org }])
    }
    expect((await admin.query('select user_id, role, current from members')).rows).toEqual([
      { user_id: user, role: 'owner', current: true },
    ])
    const elsewhere = `update api_keys set org_id = '${randomUUID()}'`
    await expect(admin.query(elsewhere)).rejects.toThrow('foreign key')
  })
})

describe('tenancy', () => {
  test('another organisation’s ids are NOT_FOUND at every endpoint, for reading and for changing', async () => {
    const { id: project_id } = await project()
    const key = await owner.call(rpc.createKey, { project_id, name: 'k' })
    const upstream = await owner.call(rpc.createUpstream, { project_id, ...stdio })
    const connection = await owner.call(rpc.createConnection, {
      project_id,
      name: 'files',
      kind: 'files',
      path: '/srv',
    })
    const tools = [{ name: 'echo', hash: '', definition: { name: 'echo' } }]
    await world.mcp.call(rpc.reportTools, { project_id, upstream_id: upstream.id, tools })
    const held = await world.mcp.call(rpc.requestApproval, { project_id, ...heldCall() })
    const ids = {
      key_id: key.id,
      upstream_id: upstream.id,
      connection_id: connection.id,
      approval_id: held.approval_id,
    }
    const own = await project(stranger)
    const calls: [RpcDef, Record<string, unknown>][] = [
      [rpc.getProject, {}],
      [rpc.updateProject, { killed: true }],
      [rpc.deleteProject, {}],
      [rpc.getPolicy, {}],
      [rpc.savePolicy, { policy_yaml: echo, if_match: '*' }],
      [rpc.validatePolicy, { policy_yaml: echo }],
      [rpc.simulatePolicy, { policy_yaml: echo, days: 1 }],
      [rpc.listPolicyVersions, {}],
      [rpc.getPolicyVersion, { version: 1 }],
      [rpc.diffPolicyVersions, { version: 1 }],
      [rpc.rollbackPolicy, { version: 1 }],
      [rpc.listKeys, {}],
      [rpc.createKey, { name: 'k' }],
      [rpc.updateKey, { key_id: ids.key_id, name: 'x' }],
      [rpc.revokeKey, { key_id: ids.key_id }],
      [rpc.listUpstreams, {}],
      [rpc.createUpstream, { ...stdio, slug: 'x' }],
      [rpc.getUpstream, { upstream_id: ids.upstream_id }],
      [rpc.updateUpstream, { upstream_id: ids.upstream_id, slug: 'x' }],
      [rpc.deleteUpstream, { upstream_id: ids.upstream_id }],
      [rpc.testUpstream, { upstream_id: ids.upstream_id }],
      [rpc.authorizeUpstream, { upstream_id: ids.upstream_id }],
      [rpc.listTools, { upstream_id: ids.upstream_id }],
      [rpc.acceptTool, { upstream_id: ids.upstream_id, name: 'echo' }],
      [rpc.listApprovals, {}],
      [rpc.getApproval, { approval_id: ids.approval_id }],
      [rpc.approveCall, { approval_id: ids.approval_id }],
      [rpc.refuseCall, { approval_id: ids.approval_id }],
      [rpc.listConnections, {}],
      [rpc.createConnection, { name: 'x', kind: 'files', path: '/' }],
      [rpc.getConnection, { connection_id: ids.connection_id }],
      [rpc.updateConnection, { connection_id: ids.connection_id, name: 'x' }],
      [rpc.deleteConnection, { connection_id: ids.connection_id }],
      [rpc.testConnection, { connection_id: ids.connection_id }],
    ]
    const asked = new Set(calls.map(([def]) => def.subject))
    const all = Object.values(rpc).filter((def: RpcDef) => def.http?.path.includes('{project_id}'))
    expect(all.map((def) => def.subject).filter((subject) => !asked.has(subject))).toEqual([])
    for (const [def, input] of calls) {
      await expect(stranger.call(def, { project_id, ...input }), def.subject).rejects.toMatchObject({
        code: 'NOT_FOUND',
      })
      // One's own project does not open another's things either.
      if (Object.keys(input).some((name) => name.endsWith('_id'))) {
        await expect(stranger.call(def, { project_id: own.id, ...input }), def.subject).rejects.toMatchObject(
          {
            code: 'NOT_FOUND',
          },
        )
      }
    }
    const mine = await stranger.call(rpc.listProjects, {})
    expect(mine.items.map((each) => each.org_id)).toEqual([stranger.caller.org_id])
    expect((await owner.call(rpc.getProject, { project_id })).killed).toBe(false)
    expect(await owner.call(rpc.getApproval, { project_id, approval_id: ids.approval_id })).toMatchObject({
      state: 'pending',
    })
  })

  test('what gateways ask for is of the project they name, or NOT_FOUND', async () => {
    const [one, other] = [await project(), await project(stranger)]
    const { id: upstream_id } = await owner.call(rpc.createUpstream, { project_id: one.id, ...stdio })
    const { approval_id } = await world.mcp.call(rpc.requestApproval, { project_id: one.id, ...heldCall() })
    const calls: [RpcDef, Record<string, unknown>][] = [
      [rpc.reportTools, { upstream_id, tools: [] }],
      [rpc.decideInClient, { approval_id, approve: true }],
      [rpc.useApproval, { approval_id, digest: '0'.repeat(64) }],
    ]
    for (const [def, input] of calls) {
      for (const project_id of [other.id, randomUUID()]) {
        const asked = world.mcp.call(def as never, { project_id, ...input } as never)
        await expect(asked, def.subject).rejects.toMatchObject({ code: 'NOT_FOUND' })
      }
    }
    const nowhere = world.mcp.call(rpc.requestApproval, { project_id: randomUUID(), ...heldCall() })
    await expect(nowhere).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('a key reads the policy of its own project and of no other', async () => {
    const [one, other] = [await project(), await project()]
    const asKey = (project_id: string) =>
      world.rest.call(
        rpc.getPolicy,
        { project_id },
        {
          caller: {
            kind: 'key',
            key_id: randomUUID(),
            project_id: one.id,
            org_id: owner.caller.org_id,
            digest: '0'.repeat(64),
          },
        },
      )
    expect((await asKey(one.id)).version).toBe(1)
    await expect(asKey(other.id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('a person registered twice owns one organisation', async () => {
    const rows = await world.query('select count(*)::int as n from organizations where owner_user_id = $1', [
      owner.caller.user_id,
    ])
    expect(rows).toEqual([{ n: 1 }])
    await expect(world.rest.call(rpc.getMembership, { user_id: randomUUID() })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })
})

async function connected(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined) // Ended by the drop.
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}
