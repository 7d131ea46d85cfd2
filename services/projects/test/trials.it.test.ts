import { afterAll, beforeAll, expect, test } from 'vitest'
import { AppError } from '@mcpshield/contracts/errors'
import { mcpGateway } from '@mcpshield/contracts/mcp-gateway'
import { projects } from '@mcpshield/contracts/projects'
import { startWorld, type User, type World } from './world.ts'

const { rpc } = projects
const stack = new AsyncDisposableStack()
let world: World
let owner: User
let project_id: string
let upstream_id: string
let connection_id: string
/** What the gateway was asked to try. */
const tried: object[] = []

beforeAll(async () => {
  world = stack.use(await startWorld())
  owner = await world.owner()
  project_id = (await owner.call(rpc.createProject, { name: 'project' })).id
  upstream_id = (
    await owner.call(rpc.createUpstream, { project_id, slug: 'files', transport: 'stdio', command: 'npx' })
  ).id
  const connection = { project_id, name: 'shop', kind: 'files' as const, path: '/srv' }
  connection_id = (await owner.call(rpc.createConnection, connection)).id
})
afterAll(() => stack.disposeAsync())

const upstream = (of = owner) => of.call(rpc.testUpstream, { project_id, upstream_id })
const connection = (of = owner) => of.call(rpc.testConnection, { project_id, connection_id })

test('without a gateway there is no trial, and it is said so', async () => {
  for (const trial of [upstream, connection])
    await expect(trial()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('a trial is the gateway’s, of what the ids stand for, and its answer is told', async () => {
  const { tryUpstream, tryConnection } = mcpGateway.rpc
  const answer = { ok: true, detail: '3 tools', duration_ms: 12 }
  const gateway = { tryUpstream, tryConnection }
  await world.mcp.serve('mcp-gateway', gateway, {
    tryUpstream: async (input) => {
      tried.push(input)
      return answer
    },
    tryConnection: async (input) => {
      tried.push(input)
      throw new AppError('NOT_FOUND', 'No such connection.')
    },
  })
  expect(await upstream()).toEqual(answer)
  // What is there, and the gateway has not heard of, is not said to be missing.
  await expect(connection()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(tried).toEqual([
    { project_id, slug: 'files' },
    { project_id, name: 'shop' },
  ])
})

test('who may not administer, or is of another organisation, tries nothing', async () => {
  const before = tried.length
  const stranger = await world.owner()
  for (const trial of [upstream, connection]) {
    await expect(trial(owner.as('editor'))).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    await expect(trial(stranger)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  }
  expect(tried).toHaveLength(before)
})
