import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Role } from '@mcpshield/contracts/caller'
import type { RpcDef } from '@mcpshield/contracts/define'
import { projects } from '@mcpshield/contracts/projects'
import type { Right } from '@mcpshield/contracts/rights'
import { startWorld, type User, type World } from './world.ts'

let world: World
let owner: User
beforeAll(async () => {
  world = await startWorld()
  owner = await world.owner()
})
afterAll(() => world[Symbol.asyncDispose]())

const endpoints: [string, RpcDef][] = Object.entries(projects.rpc)
const allowed: Record<Right, Role[]> = {
  read: ['viewer', 'editor', 'admin', 'owner'],
  change: ['editor', 'admin', 'owner'],
  administer: ['admin', 'owner'],
}
const roles: Role[] = ['viewer', 'editor', 'admin', 'owner']
const guarded = endpoints.flatMap(([name, def]) =>
  def.right === undefined ? [] : roles.map((role) => [name, role, def, def.right!] as const),
)

describe('roles', () => {
  test.for(guarded)('%s as %s', async ([, role, def, right]) => {
    // Rights are asked for before the input is read: an empty one tells who is let through to it.
    const code = await owner
      .as(role)
      .call(def, {})
      .then(
        () => 'OK',
        (error: { code: string }) => error.code,
      )
    if (allowed[right].includes(role)) expect(['OK', 'INVALID_ARGUMENT']).toContain(code)
    else expect(code).toBe('PERMISSION_DENIED')
  })

  test('whoever changes what is the organisation’s needs a right; the rest only reads, or is one’s own', () => {
    const free = endpoints.filter(([, def]) => def.access !== 'internal' && def.right === undefined)
    expect(
      free
        .map(([name]) => name)
        .filter((name) => !/^(get|list)/.test(name))
        .sort(),
    ).toEqual([
      'diffPolicyVersions',
      'finishUpstreamAuthorization', // Who begins one needs a right, and gives its state along.
      'joinOrganization',
      'removeMember', // Oneself; members.it.test.ts for others.
      'switchOrganization',
      'validatePolicy',
    ])
  })

  test('whoever is not signed in is let in nowhere', async () => {
    for (const [name, def] of endpoints.filter(([, each]) => /^user/.test(each.access))) {
      const caller = { kind: 'anonymous' as const, address: '::1' }
      const input = inputOf[name] ?? {}
      await expect(world.rest.call(def as never, input as never, { caller }), name).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
      })
    }
  })
})

const id = '00000000-0000-4000-8000-000000000000'
const ofProject = { project_id: id }
/** What an endpoint needs to be asked at all. */
const inputOf: Record<string, object> = {
  getProject: ofProject,
  getPolicy: ofProject,
  validatePolicy: { ...ofProject, policy_yaml: '' },
  simulatePolicy: { ...ofProject, policy_yaml: '' },
  listPolicyVersions: ofProject,
  getPolicyVersion: { ...ofProject, version: 1 },
  diffPolicyVersions: { ...ofProject, version: 1 },
  listKeys: ofProject,
  listUpstreams: ofProject,
  getUpstream: { ...ofProject, upstream_id: id },
  testUpstream: { ...ofProject, upstream_id: id },
  authorizeUpstream: { ...ofProject, upstream_id: id },
  listTools: { ...ofProject, upstream_id: id },
  acceptTool: { ...ofProject, upstream_id: id, name: 'echo' },
  listApprovals: ofProject,
  getApproval: { ...ofProject, approval_id: id },
  approveCall: { ...ofProject, approval_id: id },
  refuseCall: { ...ofProject, approval_id: id },
  listConnections: ofProject,
  getConnection: { ...ofProject, connection_id: id },
  switchOrganization: { organization_id: id },
  joinOrganization: { invitation_token: 'x' },
  removeMember: { user_id: id },
  createProject: { name: 'p' },
  updateProject: ofProject,
  deleteProject: ofProject,
  savePolicy: { ...ofProject, policy_yaml: '' },
  rollbackPolicy: { ...ofProject, version: 1 },
  updateOrganization: {},
  saveOrganizationPolicy: { policy_yaml: '' },
  updateMember: { user_id: id, role: 'viewer' },
  createInvitation: { email: 'a@example.com' },
  listInvitations: {},
  revokeInvitation: { invitation_id: id },
  createKey: { ...ofProject, name: 'k' },
  updateKey: { ...ofProject, key_id: id },
  revokeKey: { ...ofProject, key_id: id },
  createUpstream: { ...ofProject, slug: 's', transport: 'http' },
  updateUpstream: { ...ofProject, upstream_id: id },
  deleteUpstream: { ...ofProject, upstream_id: id },
  createConnection: { ...ofProject, name: 'c', kind: 'files' },
  updateConnection: { ...ofProject, connection_id: id },
  deleteConnection: { ...ofProject, connection_id: id },
  testConnection: { ...ofProject, connection_id: id },
}
