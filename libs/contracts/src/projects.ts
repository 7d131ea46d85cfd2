// Organisations, projects, policies with versions, API keys, upstream servers and connections.
import { z } from 'zod'
import { Role } from './caller.ts'
import { contract, rpc } from './define.ts'
import { Simulation } from './ingest.ts'
import { Email, Empty, Health, Id, Page, Time, pageOf } from './values.ts'

const Name = z.string().trim().min(1).max(100)
export const Environment = z.enum(['dev', 'staging', 'prod'])
export const Infrastructure = z.enum(['postgresql', 'mysql', 'sqlite', 'mongodb', 'redis', 'files', 'http'])
export const Mode = z.enum(['enforce', 'monitor'])
const Slug = z.string().regex(/^[a-z0-9-]{1,24}$/, 'must be 1 to 24 of a-z, 0-9 and -')

const HttpUrl = z.url({ protocol: /^https?$/ }).max(2_000)

/** An authorisation server whose access tokens, made for this project's MCP endpoint, are taken. */
export const TokenIssuer = z.strictObject({
  /** Exactly the `iss` of its tokens; its metadata lies below. */
  issuer: HttpUrl,
  /** Where its keys are; looked up in its metadata when absent. */
  jwks_url: HttpUrl.optional(),
  /** The claim that names a person's groups. */
  groups_claim: z.string().min(1).max(100).optional(),
})
export type TokenIssuer = z.infer<typeof TokenIssuer>

export const Project = z.object({
  id: Id,
  org_id: Id,
  name: z.string(),
  environment: Environment,
  infrastructure: z.array(Infrastructure),
  mode: Mode,
  killed: z.boolean(),
  /** Whether the person at the client may approve a held call there; else only people who are signed in may. */
  approve_in_client: z.boolean(),
  /** Whose bearer tokens the project takes besides API keys; null for nobody's. */
  token_issuer: TokenIssuer.nullable(),
  policy_version: z.int(),
  created_at: Time,
  updated_at: Time,
})
export type Project = z.infer<typeof Project>

export const Diagnostic = z.object({
  line: z.int(),
  column: z.int(),
  severity: z.enum(['error', 'warning']),
  code: z.string(),
  message: z.string(),
  fix: z.string().optional(),
})

export const PolicyVersion = z.object({
  version: z.int(),
  policy_yaml: z.string(),
  hash: z.string(),
  note: z.string().nullable(),
  author_id: Id.nullable(),
  created_at: Time,
  diagnostics: z.array(Diagnostic),
})

export const ApiKey = z.object({
  id: Id,
  name: z.string(),
  prefix: z.string(),
  labels: z.array(z.string()),
  upstreams: z.array(z.string()).nullable(),
  /** The key's kill switch: every call by it is denied, and it can be turned off again. */
  killed: z.boolean(),
  expires_at: Time.nullable(),
  last_used_at: Time.nullable(),
  created_at: Time,
  revoked_at: Time.nullable(),
})

const upstreamFields = {
  transport: z.enum(['http', 'sse', 'stdio']),
  url: z.url().max(2000).optional(),
  headers: z.record(z.string().max(200), z.string().max(8000)).optional(),
  command: z.string().min(1).max(1000).optional(),
  args: z.array(z.string().max(4000)).max(100).optional(),
  env: z.record(z.string().max(200), z.string().max(8000)).optional(),
  /** For an upstream behind OAuth; null takes it away again. */
  oauth: z
    .strictObject({
      /** `authorization_code`: a person authorises once (POST …/authorize). `client_credentials`: the client alone. */
      grant: z.enum(['authorization_code', 'client_credentials']),
      /** Of a client that is registered already; without one the gateway registers itself, or names its metadata document. */
      client_id: z.string().min(1).max(2_000).optional(),
      client_secret: z.string().min(1).max(8_000).optional(),
      scope: z.string().min(1).max(2_000).optional(),
    })
    .nullable()
    .optional(),
}

export const UpstreamOAuth = z.object({
  grant: z.enum(['authorization_code', 'client_credentials']),
  client_id: z.string().nullable(),
  scope: z.string().nullable(),
  /** `needs_authorization`: a person must open the address that POST …/authorize gives. */
  state: z.enum(['needs_authorization', 'authorized']),
  expires_at: Time.nullable(),
})
/** Values of headers and env are sealed at rest and never shown again: only their names are. */
export const Upstream = z.object({
  id: Id,
  slug: z.string(),
  transport: z.enum(['http', 'sse', 'stdio']),
  url: z.string().nullable(),
  header_names: z.array(z.string()),
  command: z.string().nullable(),
  args: z.array(z.string()),
  env_names: z.array(z.string()),
  oauth: UpstreamOAuth.nullable(),
  created_at: Time,
})

/** What trying a system gave. */
export const Trial = z.object({
  ok: z.boolean(),
  /** What was found, or why it does not work and how to mend it. Without secrets. */
  detail: z.string(),
  duration_ms: z.number(),
})
export type Trial = z.infer<typeof Trial>

export const ToolWarning = z.object({
  code: z.enum(['hidden_instruction', 'invisible_characters', 'look_alike_name', 'oversized_description']),
  /** A sentence that says what was found and where. */
  message: z.string(),
})
export type ToolWarning = z.infer<typeof ToolWarning>

/** A tool's definition as it was approved, and as it is offered now where that differs. */
export const PinnedTool = z.object({
  name: z.string(),
  /** `changed`: the tool is quarantined until somebody accepts what is offered now. */
  state: z.enum(['approved', 'changed']),
  approved: z.json(),
  approved_by: Id.nullable(),
  approved_at: Time,
  /** Null when it is what was approved. */
  offered: z.json().nullable(),
  offered_at: Time.nullable(),
  /** A unified diff of the two, as sorted and indented JSON; empty when they are the same. */
  diff: z.string(),
  warnings: z.array(ToolWarning),
})
export type PinnedTool = z.infer<typeof PinnedTool>

/** KV `pins`, key upstream id: the approved definition of each tool by SHA-256 (hex) of its canonical JSON. */
export const PinSnapshot = z.object({
  project_id: Id,
  pins: z.record(z.string(), z.string()),
})
export type PinSnapshot = z.infer<typeof PinSnapshot>

export const ApprovalState = z.enum(['pending', 'approved', 'refused', 'expired', 'used'])

/** A call that a rule wants a person's word on. */
export const Approval = z.object({
  id: Id,
  project_id: Id,
  state: ApprovalState,
  method: z.string(),
  tool: z.string(),
  /** As audits show them: without what the default detectors find. GET …/approvals/{id} has them as they will run. */
  arguments: z.json(),
  rule: z.string(),
  reason: z.string(),
  policy_version: z.int(),
  agent: z.string().nullable(),
  key_id: Id.nullable(),
  /** Of a verified token. */
  user: z.string().nullable(),
  /** The audit record of the decision that asked. */
  decision_id: Id,
  created_at: Time,
  expires_at: Time,
  decided_at: Time.nullable(),
  /** The person; null while nobody has decided, and where the person at the client did. */
  decided_by: Id.nullable(),
  note: z.string().nullable(),
})
export type Approval = z.infer<typeof Approval>

/** KV `approvals`, key approval id: what a gateway that holds the call waits for. Removed when it is over. */
export const ApprovalSnapshot = z.object({
  project_id: Id,
  state: ApprovalState,
  note: z.string().nullable(),
  expires_at: Time,
})
export type ApprovalSnapshot = z.infer<typeof ApprovalSnapshot>

export const ConnectionKind = Infrastructure
const ConnectionName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z, a-z, 0-9, _ and -')
const connectionFields = {
  url: z.string().min(1).max(2000).optional(),
  path: z.string().min(1).max(4000).optional(),
  options: z.record(z.string(), z.json()).optional(),
}
export const Connection = z.object({
  id: Id,
  name: z.string(),
  kind: ConnectionKind,
  has_url: z.boolean(),
  path: z.string().nullable(),
  options: z.record(z.string(), z.json()),
  created_at: Time,
})

/** KV `policies`, key project id: what a decision point needs to decide a project's calls. */
export const PolicySnapshot = z.object({
  project_id: Id,
  org_id: Id,
  environment: Environment,
  mode: Mode,
  killed: z.boolean(),
  /** The organisation's kill switch. */
  organization_killed: z.boolean().exactOptional(),
  approve_in_client: z.boolean().exactOptional(),
  token_issuer: TokenIssuer.nullable().exactOptional(),
  policy_version: z.int(),
  policy_hash: z.string(),
  /** The checked policy document as JSON: YAML is parsed once, when it is saved. */
  policy: z.unknown(),
  /** The organisation's policy, which stands above; null when it has none. */
  organization_policy: z.unknown().default(null),
  /** Grows whenever upstreams or connections change: a gateway then asks for the runtime again. */
  runtime_version: z.int(),
  /** What facts need to know of connections: nothing that is secret. */
  connections: z.array(
    z.object({
      name: z.string(),
      kind: ConnectionKind,
      /** PostgreSQL: where names without a schema are looked up. */
      search_path: z.array(z.string()).exactOptional(),
      /** PostgreSQL: functions that an operator knows to be free of side effects. */
      pure_functions: z.array(z.string()).exactOptional(),
      /** MySQL, MongoDB: the database of names without one. */
      database: z.string().exactOptional(),
      /** Files: what relative paths are relative to. */
      root: z.string().exactOptional(),
    }),
  ),
  upstreams: z.array(
    z.object({ slug: z.string(), server: z.string().nullable(), root: z.string().nullable() }),
  ),
})
export type PolicySnapshot = z.infer<typeof PolicySnapshot>

/** KV `keys`, key SHA-256 (hex) of the API key. Deleted when revoked. */
export const KeySnapshot = z.object({
  key_id: Id,
  project_id: Id,
  org_id: Id,
  name: z.string(),
  labels: z.array(z.string()),
  upstreams: z.array(z.string()).nullable(),
  killed: z.boolean().exactOptional(),
  expires_at: Time.nullable(),
})
export type KeySnapshot = z.infer<typeof KeySnapshot>

/** What the enforcing gateway needs to reach a project's systems, secrets included. */
export const Runtime = z.object({
  runtime_version: z.int(),
  upstreams: z.array(
    z.object({
      id: Id,
      slug: z.string(),
      transport: z.enum(['http', 'sse', 'stdio']),
      url: z.string().nullable(),
      /** Whether it wants a token of getUpstreamToken. */
      oauth: z.boolean(),
      headers: z.record(z.string(), z.string()),
      command: z.string().nullable(),
      args: z.array(z.string()),
      env: z.record(z.string(), z.string()),
    }),
  ),
  connections: z.array(
    z.object({
      name: z.string(),
      kind: ConnectionKind,
      url: z.string().nullable(),
      path: z.string().nullable(),
      options: z.record(z.string(), z.json()),
    }),
  ),
})
export type Runtime = z.infer<typeof Runtime>

/** What the assistant is told of a project: nothing that is secret, and nothing of its record. */
export const ProjectKnowledge = z.object({
  name: z.string(),
  environment: Environment,
  infrastructure: z.array(Infrastructure),
  policy_version: z.int(),
  policy_yaml: z.string(),
  /** The checked documents as JSON; the organisation's is null when it has none. */
  policy: z.unknown(),
  organization_policy: z.unknown(),
  /** What facts are drawn with. */
  systems: PolicySnapshot.pick({ connections: true, upstreams: true }),
  keys: z.array(z.object({ name: z.string(), labels: z.array(z.string()) })),
  /**
   * Approved definitions of tools of upstreams, by canonical name. Left out are those that changed since, that speak to a model,
   * that are too long, or too many.
   */
  tools: z.array(z.object({ name: z.string(), description: z.string(), input_schema: z.json() })),
  tools_left_out: z.int(),
})
export type ProjectKnowledge = z.infer<typeof ProjectKnowledge>

const OrganizationName = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}<>]*$/u, 'must be one line without < and >')

export const Organization = z.object({
  id: Id,
  name: z.string(),
  /** Of the person who asks. */
  role: Role,
  /** Whether this is the one that the person works in now. */
  current: z.boolean(),
  /** The kill switch: every call of every project is denied. */
  killed: z.boolean(),
  created_at: Time,
  updated_at: Time,
})

export const Member = z.object({
  /** The person. */
  id: Id,
  /** With the names, null while they are not known yet. */
  email: z.email().nullable(),
  first_name: z.string().nullable(),
  last_name: z.string().nullable(),
  role: Role,
  created_at: Time,
})

export const Invitation = z.object({
  id: Id,
  email: z.email(),
  role: Role,
  invited_by: Id.nullable(),
  created_at: Time,
  expires_at: Time,
})

const project = { project_id: Id }
const at = (path: string) => `/projects/{project_id}${path}`
const seen = ['UNAUTHENTICATED', 'NOT_FOUND'] as const
const changed = [...seen, 'PERMISSION_DENIED', 'INVALID_ARGUMENT'] as const

const member = ['UNAUTHENTICATED', 'NOT_FOUND', 'PERMISSION_DENIED'] as const

export const projects = contract('projects', {
  rpc: {
    getOrganization: rpc({
      input: Empty,
      output: Organization,
      errors: ['UNAUTHENTICATED'],
      access: 'user',
      http: { method: 'GET', path: '/organization', summary: 'The organisation that the person works in' },
    }),
    updateOrganization: rpc({
      input: z.strictObject({ name: OrganizationName.optional(), killed: z.boolean().optional() }),
      output: Organization,
      errors: ['UNAUTHENTICATED', 'PERMISSION_DENIED'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'PATCH',
        path: '/organization',
        summary: 'Rename the organisation, or turn its kill switch',
      },
    }),
    listOrganizations: rpc({
      input: Empty,
      output: z.object({ items: z.array(Organization), next_cursor: z.null(), prev_cursor: z.null() }),
      errors: ['UNAUTHENTICATED'],
      access: 'user',
      http: {
        method: 'GET',
        path: '/organizations',
        summary: 'Organisations that the person is a member of',
      },
    }),
    switchOrganization: rpc({
      input: z.strictObject({ organization_id: Id }),
      output: Organization,
      errors: ['UNAUTHENTICATED', 'NOT_FOUND'],
      access: 'user',
      http: {
        method: 'POST',
        path: '/organizations/{organization_id}/switch',
        summary: 'Work in another organisation from now on',
      },
    }),
    listMembers: rpc({
      input: z.strictObject({ ...Page }),
      output: pageOf(Member),
      errors: ['UNAUTHENTICATED'],
      access: 'user',
      http: { method: 'GET', path: '/organization/members', summary: 'People of the organisation' },
    }),
    joinOrganization: rpc({
      input: z.strictObject({ invitation_token: z.string().min(1).max(200) }),
      output: Member,
      errors: ['UNAUTHENTICATED', 'NOT_FOUND', 'EXPIRED', 'CONFLICT'],
      access: 'user',
      http: {
        method: 'POST',
        path: '/organization/members',
        status: 201,
        summary: 'Join the organisation of an invitation, and work in it from now on',
      },
    }),
    updateMember: rpc({
      input: z.strictObject({ user_id: Id, role: Role }),
      output: Member,
      errors: [...member, 'CONFLICT'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'PATCH',
        path: '/organization/members/{user_id}',
        summary: 'Change a member’s role; only owners make and change owners, and one stays',
      },
    }),
    removeMember: rpc({
      input: z.strictObject({ user_id: Id }),
      output: Empty,
      errors: [...member, 'CONFLICT'],
      access: 'user',
      http: {
        method: 'DELETE',
        path: '/organization/members/{user_id}',
        status: 204,
        summary: 'Remove a member, or leave; one owner stays',
      },
    }),
    createInvitation: rpc({
      input: z.strictObject({ email: Email, role: Role.default('viewer') }),
      output: Invitation,
      errors: ['UNAUTHENTICATED', 'PERMISSION_DENIED', 'CONFLICT'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'POST',
        path: '/organization/invitations',
        status: 201,
        perMinute: 30,
        summary: 'Invite an address; the link comes by mail',
      },
    }),
    listInvitations: rpc({
      input: z.strictObject({ ...Page }),
      output: pageOf(Invitation),
      errors: ['UNAUTHENTICATED', 'PERMISSION_DENIED'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'GET',
        path: '/organization/invitations',
        summary: 'Invitations nobody has taken up yet',
      },
    }),
    revokeInvitation: rpc({
      input: z.strictObject({ invitation_id: Id }),
      output: Empty,
      errors: member,
      access: 'user',
      right: 'administer',
      http: {
        method: 'DELETE',
        path: '/organization/invitations/{invitation_id}',
        status: 204,
        summary: 'Take an invitation back',
      },
    }),
    listProjects: rpc({
      input: z.strictObject({ ...Page }),
      output: pageOf(Project),
      errors: ['UNAUTHENTICATED'],
      access: 'user',
      http: { method: 'GET', path: '/projects', summary: 'Projects of the organisation' },
    }),
    createProject: rpc({
      input: z.strictObject({
        name: Name,
        environment: Environment.default('dev'),
        infrastructure: z.array(Infrastructure).max(7).default([]),
      }),
      output: Project,
      errors: [...changed, 'CONFLICT', 'QUOTA_EXCEEDED', 'UNAVAILABLE'],
      access: 'user',
      right: 'change',
      http: {
        method: 'POST',
        path: '/projects',
        status: 201,
        summary: 'Create a project with a default policy',
      },
    }),
    getProject: rpc({
      input: z.strictObject(project),
      output: Project,
      errors: seen,
      access: 'user',
      http: { method: 'GET', path: at(''), summary: 'One project' },
    }),
    updateProject: rpc({
      input: z.strictObject({
        ...project,
        name: Name.optional(),
        environment: Environment.optional(),
        infrastructure: z.array(Infrastructure).max(7).optional(),
        mode: Mode.optional(),
        killed: z.boolean().optional(),
        approve_in_client: z.boolean().optional(),
        token_issuer: TokenIssuer.nullable().optional(),
      }),
      output: Project,
      errors: [...changed, 'CONFLICT'],
      access: 'user',
      right: 'change',
      http: { method: 'PATCH', path: at(''), summary: 'Change a project, its mode or its kill switch' },
    }),
    deleteProject: rpc({
      input: z.strictObject(project),
      output: Empty,
      errors: changed,
      access: 'user',
      right: 'administer',
      http: { method: 'DELETE', path: at(''), status: 204, summary: 'Delete a project and revoke its keys' },
    }),
    getPolicy: rpc({
      input: z.strictObject(project),
      output: PolicyVersion.extend({
        /** Told to an API key, for who enforces by themselves: the policy that stands above; null when there is none. */
        organization_policy_yaml: z.string().nullable().optional(),
      }),
      errors: seen,
      access: 'user_or_key',
      http: { method: 'GET', path: at('/policy'), etag: 'version', summary: 'The policy in force' },
    }),
    savePolicy: rpc({
      input: z.strictObject({
        ...project,
        policy_yaml: z.string().max(256 * 1024),
        note: z.string().max(500).optional(),
        if_match: z.string().max(100).optional(),
      }),
      output: PolicyVersion,
      errors: [...changed, 'PRECONDITION_REQUIRED', 'STALE', 'POLICY_INVALID'],
      access: 'user',
      right: 'change',
      http: {
        method: 'PUT',
        path: at('/policy'),
        headers: { 'if-match': 'if_match' },
        etag: 'version',
        summary: 'Save a new version of the policy',
      },
    }),
    validatePolicy: rpc({
      input: z.strictObject({ ...project, policy_yaml: z.string().max(1024 * 1024) }),
      output: z.object({ valid: z.boolean(), diagnostics: z.array(Diagnostic) }),
      errors: seen,
      access: 'user',
      http: { method: 'POST', path: at('/policy/validate'), summary: 'Check a policy without saving it' },
    }),
    simulatePolicy: rpc({
      input: z.strictObject({
        ...project,
        policy_yaml: z.string().max(1024 * 1024),
        days: z.int().min(1).max(366).default(7),
      }),
      output: Simulation,
      errors: [...changed, 'POLICY_INVALID', 'RATE_LIMITED', 'UNAVAILABLE'],
      access: 'user',
      right: 'read',
      http: {
        method: 'POST',
        path: at('/policy/simulate'),
        perMinute: 30,
        summary: 'Decide the calls of the last days by a draft, and say which decisions would change',
      },
      timeoutMs: 60_000,
    }),
    listPolicyVersions: rpc({
      input: z.strictObject({ ...project, ...Page }),
      output: pageOf(PolicyVersion.omit({ policy_yaml: true, diagnostics: true })),
      errors: seen,
      access: 'user',
      http: { method: 'GET', path: at('/policy/versions'), summary: 'Versions of the policy, newest first' },
    }),
    getPolicyVersion: rpc({
      input: z.strictObject({ ...project, version: z.int().min(1) }),
      output: PolicyVersion,
      errors: seen,
      access: 'user',
      http: { method: 'GET', path: at('/policy/versions/{version}'), summary: 'One version of the policy' },
    }),
    diffPolicyVersions: rpc({
      input: z.strictObject({ ...project, version: z.int().min(1), against: z.int().min(1).optional() }),
      /** A unified diff that leads from `against` (the version before, when absent) to `version`; empty when they are the same. */
      output: z.object({
        version: z.int(),
        against: z.int().nullable(),
        added_lines: z.int(),
        removed_lines: z.int(),
        diff: z.string(),
      }),
      errors: seen,
      access: 'user',
      http: {
        method: 'GET',
        path: at('/policy/versions/{version}/diff'),
        summary: 'What a version of the policy changed',
      },
    }),
    rollbackPolicy: rpc({
      input: z.strictObject({
        ...project,
        version: z.int().min(1),
        if_match: z.string().max(100).optional(),
      }),
      output: PolicyVersion,
      errors: [...changed, 'STALE', 'POLICY_INVALID'],
      access: 'user',
      right: 'change',
      http: {
        method: 'POST',
        path: at('/policy/rollback'),
        headers: { 'if-match': 'if_match' },
        etag: 'version',
        summary: 'Save an old version as the newest',
      },
    }),
    getOrganizationPolicy: rpc({
      input: Empty,
      output: PolicyVersion,
      errors: ['UNAUTHENTICATED'],
      access: 'user',
      http: {
        method: 'GET',
        path: '/organization/policy',
        etag: 'version',
        summary: 'The policy above those of all projects; version 0 is none',
      },
    }),
    saveOrganizationPolicy: rpc({
      input: z.strictObject({
        policy_yaml: z.string().max(256 * 1024),
        note: z.string().max(500).optional(),
        if_match: z.string().max(100).optional(),
      }),
      output: PolicyVersion,
      errors: [
        'UNAUTHENTICATED',
        'PERMISSION_DENIED',
        'INVALID_ARGUMENT',
        'PRECONDITION_REQUIRED',
        'STALE',
        'POLICY_INVALID',
      ],
      access: 'user',
      right: 'administer',
      http: {
        method: 'PUT',
        path: '/organization/policy',
        headers: { 'if-match': 'if_match' },
        etag: 'version',
        summary: 'Save the organisation’s policy: deny and ask rules only',
      },
    }),
    listKeys: rpc({
      input: z.strictObject({ ...project, ...Page }),
      output: pageOf(ApiKey),
      errors: seen,
      access: 'user',
      http: { method: 'GET', path: at('/keys'), summary: 'API keys of a project' },
    }),
    createKey: rpc({
      input: z.strictObject({
        ...project,
        name: Name,
        labels: z.array(z.string().min(1).max(100)).max(20).default([]),
        expires_at: Time.optional(),
        upstreams: z.array(Slug).max(100).optional(),
      }),
      output: ApiKey.extend({ api_key: z.string() }),
      errors: changed,
      access: 'user',
      right: 'administer',
      http: {
        method: 'POST',
        path: at('/keys'),
        status: 201,
        summary: 'Create an API key; it is shown only in this answer',
      },
    }),
    updateKey: rpc({
      input: z.strictObject({
        ...project,
        key_id: Id,
        name: Name.optional(),
        labels: z.array(z.string().min(1).max(100)).max(20).optional(),
        expires_at: Time.nullable().optional(),
        upstreams: z.array(Slug).max(100).nullable().optional(),
        killed: z.boolean().optional(),
      }),
      output: ApiKey,
      errors: changed,
      access: 'user',
      right: 'administer',
      http: {
        method: 'PATCH',
        path: at('/keys/{key_id}'),
        summary: 'Change what an API key is called and may reach, or turn its kill switch',
      },
    }),
    revokeKey: rpc({
      input: z.strictObject({ ...project, key_id: Id }),
      output: Empty,
      errors: changed,
      access: 'user',
      right: 'administer',
      http: {
        method: 'DELETE',
        path: at('/keys/{key_id}'),
        status: 204,
        summary: 'Revoke an API key, in force within a second',
      },
    }),
    listUpstreams: rpc({
      input: z.strictObject({ ...project, ...Page }),
      output: pageOf(Upstream),
      errors: seen,
      access: 'user',
      http: { method: 'GET', path: at('/upstreams'), summary: 'Upstream MCP servers' },
    }),
    createUpstream: rpc({
      input: z.strictObject({ ...project, slug: Slug, ...upstreamFields }),
      output: Upstream,
      errors: [...changed, 'CONFLICT'],
      access: 'user',
      right: 'administer',
      http: { method: 'POST', path: at('/upstreams'), status: 201, summary: 'Add an upstream MCP server' },
    }),
    getUpstream: rpc({
      input: z.strictObject({ ...project, upstream_id: Id }),
      output: Upstream,
      errors: seen,
      access: 'user',
      http: { method: 'GET', path: at('/upstreams/{upstream_id}'), summary: 'One upstream MCP server' },
    }),
    updateUpstream: rpc({
      input: z.strictObject({
        ...project,
        upstream_id: Id,
        slug: Slug.optional(),
        ...upstreamFields,
        transport: upstreamFields.transport.optional(),
      }),
      output: Upstream,
      errors: [...changed, 'CONFLICT'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'PATCH',
        path: at('/upstreams/{upstream_id}'),
        summary: 'Change an upstream MCP server; what is not given stays',
      },
    }),
    deleteUpstream: rpc({
      input: z.strictObject({ ...project, upstream_id: Id }),
      output: Empty,
      errors: changed,
      access: 'user',
      right: 'administer',
      http: {
        method: 'DELETE',
        path: at('/upstreams/{upstream_id}'),
        status: 204,
        summary: 'Remove an upstream MCP server',
      },
    }),
    testUpstream: rpc({
      input: z.strictObject({ ...project, upstream_id: Id }),
      output: Trial,
      errors: [...changed, 'UNAVAILABLE'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'POST',
        path: at('/upstreams/{upstream_id}/test'),
        perMinute: 30,
        summary: 'Try an upstream: start it or connect to it, and count what it offers',
      },
      timeoutMs: 30_000,
    }),
    authorizeUpstream: rpc({
      input: z.strictObject({ ...project, upstream_id: Id }),
      output: z.object({
        /** For a browser; null when no person is needed (client credentials) and it is done. */
        authorization_url: z.string().nullable(),
      }),
      errors: [...changed, 'UNAVAILABLE'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'POST',
        path: at('/upstreams/{upstream_id}/authorize'),
        perMinute: 30,
        summary: 'Begin the OAuth authorisation of an upstream',
      },
      timeoutMs: 30_000,
    }),
    finishUpstreamAuthorization: rpc({
      // Not strict: authorisation servers send parameters of their own along.
      input: z.object({
        state: z.string().min(1).max(500),
        code: z.string().min(1).max(4_000).optional(),
        iss: z.string().max(2_000).optional(),
        error: z.string().max(500).optional(),
        error_description: z.string().max(2_000).optional(),
        error_uri: z.string().max(2_000).optional(),
      }),
      output: z.object({ project_id: Id, upstream: z.string(), authorized: z.boolean(), detail: z.string() }),
      errors: ['NOT_FOUND', 'EXPIRED', 'INVALID_ARGUMENT', 'UNAVAILABLE'],
      access: 'public',
      http: {
        method: 'GET',
        path: '/oauth/callback',
        page: 'detail',
        perMinute: 30,
        summary: 'Where an authorisation server sends the person back to',
      },
      timeoutMs: 30_000,
    }),
    /** Only where the API is public under https: other authorisation servers could not read it. */
    getOAuthClient: rpc({
      input: Empty,
      output: z.object({
        client_id: z.string(),
        client_name: z.string(),
        redirect_uris: z.array(z.string()),
        grant_types: z.array(z.string()),
        response_types: z.array(z.string()),
        token_endpoint_auth_method: z.string(),
      }),
      errors: ['NOT_FOUND'],
      access: 'public',
      http: {
        method: 'GET',
        path: '/oauth/client-metadata',
        summary: 'Who we are to authorisation servers: our client metadata document',
      },
    }),
    listTools: rpc({
      input: z.strictObject({ ...project, upstream_id: Id, ...Page }),
      output: pageOf(PinnedTool),
      errors: seen,
      access: 'user',
      http: {
        method: 'GET',
        path: at('/upstreams/{upstream_id}/tools'),
        summary: 'The tools an upstream offered, as they were approved and as they are offered now',
      },
    }),
    acceptTool: rpc({
      input: z.strictObject({
        ...project,
        upstream_id: Id,
        name: z.string().min(1).max(200),
        /** Of the definition that was looked at: a later one is then not accepted unseen. */
        offered_at: Time.optional(),
      }),
      output: PinnedTool,
      errors: [...changed, 'STALE'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'POST',
        path: at('/upstreams/{upstream_id}/tools/{name}/accept'),
        summary: 'Accept a tool’s changed definition, which ends its quarantine',
      },
    }),
    listApprovals: rpc({
      input: z.strictObject({ ...project, state: ApprovalState.optional(), ...Page }),
      output: pageOf(Approval),
      errors: seen,
      access: 'user',
      http: {
        method: 'GET',
        path: at('/approvals'),
        summary: 'Calls that wait, or waited, for a person; newest first',
      },
    }),
    getApproval: rpc({
      input: z.strictObject({ ...project, approval_id: Id }),
      output: Approval,
      errors: [...seen, 'PERMISSION_DENIED'],
      access: 'user',
      right: 'change',
      http: {
        method: 'GET',
        path: at('/approvals/{approval_id}'),
        summary: 'One held call, with its arguments exactly as they will run',
      },
    }),
    approveCall: rpc({
      input: z.strictObject({ ...project, approval_id: Id, note: z.string().max(500).optional() }),
      output: Approval,
      errors: [...changed, 'CONFLICT', 'EXPIRED'],
      access: 'user_or_key',
      right: 'change',
      http: {
        method: 'POST',
        path: at('/approvals/{approval_id}/approve'),
        summary: 'Let a held call run, once; never by who asked',
      },
    }),
    refuseCall: rpc({
      input: z.strictObject({ ...project, approval_id: Id, note: z.string().max(500).optional() }),
      output: Approval,
      errors: [...changed, 'CONFLICT', 'EXPIRED'],
      access: 'user_or_key',
      right: 'change',
      http: {
        method: 'POST',
        path: at('/approvals/{approval_id}/refuse'),
        summary: 'Refuse a held call; never by who asked',
      },
    }),
    listConnections: rpc({
      input: z.strictObject({ ...project, ...Page }),
      output: pageOf(Connection),
      errors: seen,
      access: 'user',
      http: { method: 'GET', path: at('/connections'), summary: 'Connections of the built-in connectors' },
    }),
    createConnection: rpc({
      input: z.strictObject({
        ...project,
        name: ConnectionName,
        kind: ConnectionKind,
        ...connectionFields,
      }),
      output: Connection,
      errors: [...changed, 'CONFLICT'],
      access: 'user',
      right: 'administer',
      http: { method: 'POST', path: at('/connections'), status: 201, summary: 'Add a connection' },
    }),
    getConnection: rpc({
      input: z.strictObject({ ...project, connection_id: Id }),
      output: Connection,
      errors: seen,
      access: 'user',
      http: { method: 'GET', path: at('/connections/{connection_id}'), summary: 'One connection' },
    }),
    updateConnection: rpc({
      input: z.strictObject({
        ...project,
        connection_id: Id,
        name: ConnectionName.optional(),
        ...connectionFields,
      }),
      output: Connection,
      errors: [...changed, 'CONFLICT'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'PATCH',
        path: at('/connections/{connection_id}'),
        summary: 'Change a connection; what is not given stays',
      },
    }),
    deleteConnection: rpc({
      input: z.strictObject({ ...project, connection_id: Id }),
      output: Empty,
      errors: changed,
      access: 'user',
      right: 'administer',
      http: {
        method: 'DELETE',
        path: at('/connections/{connection_id}'),
        status: 204,
        summary: 'Remove a connection',
      },
    }),
    testConnection: rpc({
      input: z.strictObject({ ...project, connection_id: Id }),
      output: Trial,
      errors: [...changed, 'UNAVAILABLE'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'POST',
        path: at('/connections/{connection_id}/test'),
        perMinute: 30,
        summary: 'Try a connection: reach the system and read nothing of its data',
      },
      timeoutMs: 30_000,
    }),
    checkHealth: rpc({ input: Empty, output: Health, errors: [], access: 'internal' }),
    /** How many projects an organisation has. */
    countProjects: rpc({
      input: z.strictObject({ org_id: Id }),
      output: z.object({ count: z.int() }),
      errors: [],
      access: 'internal',
    }),
    /** Whom to tell of an organisation's matters: its owners and admins. */
    listAdministrators: rpc({
      input: z.strictObject({ org_id: Id }),
      output: z.object({ organization: z.string(), user_ids: z.array(Id) }),
      errors: ['NOT_FOUND'],
      access: 'internal',
    }),
    /** Names of the organisations that would be left with members but without an owner, were this person deleted. */
    checkDeparture: rpc({
      input: z.strictObject({ user_id: Id }),
      output: z.object({ needed_by: z.array(z.string()) }),
      errors: [],
      access: 'internal',
    }),
    /** The organisation that a person works in, and their role there; NOT_FOUND until it exists. */
    getMembership: rpc({
      input: z.strictObject({ user_id: Id }),
      output: z.object({ org_id: Id, role: Role }),
      errors: ['NOT_FOUND'],
      access: 'internal',
    }),
    /** Asked in the name of the person who uses the assistant. */
    describeProject: rpc({
      input: z.strictObject(project),
      output: ProjectKnowledge,
      errors: ['UNAUTHENTICATED', 'NOT_FOUND'],
      access: 'internal',
    }),
    getRuntime: rpc({
      input: z.strictObject(project),
      output: Runtime,
      errors: ['NOT_FOUND'],
      access: 'internal',
    }),
    /**
     * What an upstream offers now. A tool never seen before is approved as it is; a changed one is kept beside what was
     * approved, and told to the organisation's administrators once. Answers the pins in force.
     */
    reportTools: rpc({
      input: z.strictObject({
        ...project,
        upstream_id: Id,
        tools: z
          .array(z.strictObject({ name: z.string(), hash: z.string(), definition: z.json() }))
          .max(1_000),
      }),
      output: z.object({ pins: z.record(z.string(), z.string()) }),
      errors: ['NOT_FOUND'],
      access: 'internal',
    }),
    /**
     * The access token for an upstream behind OAuth, renewed when it is over or when it is the one that was refused.
     * EXPIRED when a person must authorise again.
     */
    getUpstreamToken: rpc({
      input: z.strictObject({
        ...project,
        upstream_id: Id,
        /** SHA-256 (hex) of a token that the upstream refused. */
        refused_digest: z.string().optional(),
        /** The WWW-Authenticate header it refused it with. */
        challenge: z.string().max(4_000).optional(),
      }),
      output: z.object({ access_token: z.string(), expires_at: Time.nullable() }),
      errors: ['NOT_FOUND', 'EXPIRED', 'UNAVAILABLE'],
      access: 'internal',
      timeoutMs: 20_000,
    }),
    /**
     * Holds a call. The same call of the same asker under the same policy joins the approval that is open or approved
     * and not used yet.
     */
    requestApproval: rpc({
      input: z.strictObject({
        ...project,
        /** Keyed hash of asker, method, tool, arguments and policy version: what an approval is bound to. */
        digest: z.string().regex(/^[0-9a-f]{64}$/),
        method: z.string(),
        tool: z.string(),
        arguments: z.json(),
        rule: z.string(),
        reason: z.string(),
        policy_version: z.int(),
        agent: z.string().nullable(),
        key_id: Id.nullable(),
        user: z.string().nullable(),
        decision_id: Id,
        /** How long a person may take. */
        timeout_ms: z
          .int()
          .min(1_000)
          .max(7 * 86_400_000),
      }),
      output: z.object({
        approval_id: Id,
        state: ApprovalState,
        expires_at: Time,
        /** Where a person decides it. */
        url: z.string(),
      }),
      errors: ['NOT_FOUND', 'QUOTA_EXCEEDED'],
      access: 'internal',
    }),
    /** The word of the person at the client, where the project takes it. */
    decideInClient: rpc({
      input: z.strictObject({
        ...project,
        approval_id: Id,
        approve: z.boolean(),
        note: z.string().max(500).optional(),
      }),
      output: Empty,
      errors: ['NOT_FOUND', 'PERMISSION_DENIED', 'CONFLICT', 'EXPIRED'],
      access: 'internal',
    }),
    /** Uses an approval up: whoever comes second, late or with another call gets an error. */
    useApproval: rpc({
      input: z.strictObject({ ...project, approval_id: Id, digest: z.string() }),
      output: z.object({ approved_by: Id.nullable() }),
      errors: ['NOT_FOUND', 'CONFLICT', 'EXPIRED'],
      access: 'internal',
    }),
    /** Times of last use, sent in batches by decision points. */
    reportKeyUse: rpc({
      input: z.strictObject({ uses: z.array(z.strictObject({ key_id: Id, time: Time })).max(10_000) }),
      output: Empty,
      errors: [],
      access: 'internal',
    }),
  },
  evt: {
    /** Its record is to go, everywhere. */
    projectDeleted: z.object({ org_id: Id, project_id: Id }),
    organizationDeleted: z.object({ org_id: Id }),
  },
  kv: { policies: PolicySnapshot, keys: KeySnapshot, pins: PinSnapshot, approvals: ApprovalSnapshot },
})

/** What facts need to know of a connection, from its settings. */
export function connectionForFacts(connection: {
  name: string
  kind: z.infer<typeof ConnectionKind>
  path: string | null
  options: Record<string, unknown>
}): PolicySnapshot['connections'][number] {
  const { name, kind, path, options } = connection
  const pure = options.pure_functions
  return {
    name,
    kind,
    ...(kind === 'postgresql' ? { search_path: searchPathOf(options) } : {}),
    ...(kind === 'postgresql' && isTexts(pure) ? { pure_functions: pure } : {}),
    ...((kind === 'mysql' || kind === 'mongodb') && typeof options.database === 'string'
      ? { database: options.database }
      : {}),
    ...(kind === 'files' && path !== null ? { root: path } : {}),
  }
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string')

/** Where unqualified PostgreSQL names of a connection are looked up: decided by it, and pinned when run. */
export function searchPathOf(options: Record<string, unknown>): string[] {
  const path = options.search_path
  return Array.isArray(path) && path.length > 0 && path.every((each) => typeof each === 'string')
    ? path
    : ['public']
}
