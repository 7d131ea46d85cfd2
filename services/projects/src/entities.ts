// The tables of the projects schema.
import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { Role } from '@mcpshield/contracts/caller'
import type { Diagnostic, Project, TokenIssuer } from '@mcpshield/contracts/projects'
import type { DbOptions } from '@mcpshield/db/connect'
import { OutboxRow } from '@mcpshield/db/outbox'
import type { z } from 'zod'
import { ApprovalRow } from './approval-entity.ts'
import { migrations } from './migrations/index.ts'
import { ToolPinRow } from './tool-pin-entity.ts'

export const OrganizationRow = defineEntity({
  name: 'OrganizationRow',
  tableName: 'organizations',
  properties: {
    id: p.uuid().primary(),
    name: p.string().length(200),
    /** Whose own it is: made when they registered. Null once they have left it. */
    owner_user_id: p.uuid().unique().nullable(),
    /** The kill switch of all its projects. */
    killed: p.boolean().default(false),
    created_at: p.datetime(),
    updated_at: p.datetime(),
  },
})
export type OrganizationRow = InferEntity<typeof OrganizationRow>

export const MemberRow = defineEntity({
  name: 'MemberRow',
  tableName: 'members',
  properties: {
    user_id: p.uuid().primary(),
    org_id: p.uuid().primary().index(),
    role: p.string().length(16).$type<Role>(),
    /** Whether the person chose to work here: at most one of theirs. */
    current: p.boolean(),
    created_at: p.datetime(),
  },
})
export type MemberRow = InferEntity<typeof MemberRow>

/** What `auth` has told of people. A deleted one keeps their row, empty, so that nothing late brings them back. */
export const PersonRow = defineEntity({
  name: 'PersonRow',
  tableName: 'people',
  properties: {
    user_id: p.uuid().primary(),
    /** The verified address, in lower case. */
    email: p.text().nullable(),
    first_name: p.text().nullable(),
    last_name: p.text().nullable(),
    deleted_at: p.datetime().nullable(),
  },
})
export type PersonRow = InferEntity<typeof PersonRow>

/** Open until it is taken up or revoked, which deletes it, or expires. */
export const InvitationRow = defineEntity({
  name: 'InvitationRow',
  tableName: 'invitations',
  uniques: [{ name: 'invitations_org_id_email_unique', properties: ['org_id', 'email'] }],
  properties: {
    id: p.uuid().primary(),
    org_id: p.uuid(),
    email: p.string().length(254).index(),
    role: p.string().length(16).$type<Role>(),
    /** SHA-256 of the token; the token itself is in the mail only. */
    token_digest: p.string().length(64).unique(),
    invited_by: p.uuid().nullable(),
    created_at: p.datetime(),
    expires_at: p.datetime(),
  },
})
export type InvitationRow = InferEntity<typeof InvitationRow>

/** Mails that invite, of the last day: how many there were decides whether there may be another. */
export const InvitationMailRow = defineEntity({
  name: 'InvitationMailRow',
  tableName: 'invitation_mails',
  properties: {
    id: p.uuid().primary(),
    org_id: p.uuid().index(),
    /** SHA-256 of organisation and address. */
    recipient: p.string().length(64),
    sent_at: p.datetime(),
  },
})

/** The key that seals an organisation's secrets, wrapped by the master key. */
export const DataKeyRow = defineEntity({
  name: 'DataKeyRow',
  tableName: 'data_keys',
  properties: { org_id: p.uuid().primary(), wrapped: p.text() },
})

export const ProjectRow = defineEntity({
  name: 'ProjectRow',
  tableName: 'projects',
  uniques: [
    { name: 'projects_org_id_name_unique', properties: ['org_id', 'name'] },
    { name: 'projects_id_org_id_unique', properties: ['id', 'org_id'] },
  ],
  properties: {
    id: p.uuid().primary(),
    org_id: p.uuid(),
    name: p.string().length(100),
    environment: p.string().length(16).$type<Project['environment']>(),
    infrastructure: p.json<Project['infrastructure']>(),
    mode: p.string().length(16).$type<Project['mode']>(),
    killed: p.boolean(),
    approve_in_client: p.boolean().default(false),
    token_issuer: p.json<TokenIssuer>().nullable(),
    /** When its people were last told by mail that a call waits for them. */
    approvals_mailed_at: p.datetime().nullable(),
    /** The version in force. */
    policy_version: p.integer(),
    /** Grows with every change of upstreams and connections. */
    runtime_version: p.integer(),
    created_at: p.datetime(),
    updated_at: p.datetime(),
  },
})
export type ProjectRow = InferEntity<typeof ProjectRow>

/** One version of a policy, a project's or an organisation's; never changed once written. */
const policyVersion = () => ({
  version: p.integer().primary(),
  policy_yaml: p.text(),
  /** The checked document. */
  policy: p.json<unknown>(),
  /** SHA-256 of the text. */
  hash: p.string().length(64),
  note: p.string().length(500).nullable(),
  author_id: p.uuid().nullable(),
  diagnostics: p.json<z.infer<typeof Diagnostic>[]>(),
  created_at: p.datetime(),
})

export const PolicyVersionRow = defineEntity({
  name: 'PolicyVersionRow',
  tableName: 'policy_versions',
  properties: {
    project_id: p.uuid().primary(),
    org_id: p.uuid(),
    ...policyVersion(),
  },
})
export type PolicyVersionRow = InferEntity<typeof PolicyVersionRow>

export const OrganizationPolicyRow = defineEntity({
  name: 'OrganizationPolicyRow',
  tableName: 'organization_policies',
  properties: {
    org_id: p.uuid().primary(),
    ...policyVersion(),
  },
})
export type OrganizationPolicyRow = InferEntity<typeof OrganizationPolicyRow>

export const ApiKeyRow = defineEntity({
  name: 'ApiKeyRow',
  tableName: 'api_keys',
  properties: {
    id: p.uuid().primary(),
    project_id: p.uuid().index(),
    org_id: p.uuid(),
    name: p.string().length(100),
    /** The key's first characters, to recognise it by. */
    prefix: p.string().length(16),
    /** SHA-256 of the key; the key itself is nowhere. */
    digest: p.string().length(64).unique(),
    labels: p.json<string[]>(),
    upstreams: p.json<string[]>().nullable(),
    killed: p.boolean().default(false),
    expires_at: p.datetime().nullable(),
    last_used_at: p.datetime().nullable(),
    created_at: p.datetime(),
    revoked_at: p.datetime().nullable(),
  },
})
export type ApiKeyRow = InferEntity<typeof ApiKeyRow>

export const UpstreamRow = defineEntity({
  name: 'UpstreamRow',
  tableName: 'upstreams',
  uniques: [{ name: 'upstreams_project_id_slug_unique', properties: ['project_id', 'slug'] }],
  properties: {
    id: p.uuid().primary(),
    project_id: p.uuid(),
    org_id: p.uuid(),
    slug: p.string().length(24),
    transport: p.string().length(8).$type<'http' | 'sse' | 'stdio'>(),
    command: p.string().length(1000).nullable(),
    /** What may be shown: without what looks like a secret. */
    shown_url: p.string().length(2000).nullable(),
    shown_args: p.json<string[]>(),
    header_names: p.json<string[]>(),
    env_names: p.json<string[]>(),
    /** The whole of url, headers, args and env, sealed. */
    sealed: p.text(),
    /** What facts need to know: which public server it is, and its root folder. */
    server: p.string().length(64).nullable(),
    root: p.text().nullable(),
    oauth_grant: p.text().$type<'authorization_code' | 'client_credentials'>().nullable(),
    oauth_client_id: p.text().nullable(),
    oauth_scope: p.text().nullable(),
    oauth_state: p.text().$type<'needs_authorization' | 'authorized'>().nullable(),
    oauth_expires_at: p.datetime().nullable(),
    /** Secrets and tokens of its authorisation, sealed. */
    sealed_oauth: p.text().nullable(),
    created_at: p.datetime(),
  },
})
export type UpstreamRow = InferEntity<typeof UpstreamRow>

/** An authorisation that a person has begun and not finished. */
export const UpstreamAuthorizationRow = defineEntity({
  name: 'UpstreamAuthorizationRow',
  tableName: 'upstream_authorizations',
  properties: {
    /** SHA-256 of the state that comes back with the person. */
    state_digest: p.string().length(64).primary(),
    project_id: p.uuid(),
    org_id: p.uuid(),
    upstream_id: p.uuid().index(),
    sealed: p.text(),
    created_at: p.datetime(),
    expires_at: p.datetime(),
  },
})
export type UpstreamAuthorizationRow = InferEntity<typeof UpstreamAuthorizationRow>

export const ConnectionRow = defineEntity({
  name: 'ConnectionRow',
  tableName: 'connections',
  uniques: [{ name: 'connections_project_id_name_unique', properties: ['project_id', 'name'] }],
  properties: {
    id: p.uuid().primary(),
    project_id: p.uuid(),
    org_id: p.uuid(),
    name: p.string().length(64),
    kind: p.string().length(16).$type<Project['infrastructure'][number]>(),
    path: p.string().length(4000).nullable(),
    options: p.json<Record<string, unknown>>(),
    /** The URL, sealed. */
    sealed_url: p.text().nullable(),
    created_at: p.datetime(),
  },
})
export type ConnectionRow = InferEntity<typeof ConnectionRow>

/** How the service's schema is reached and what is in it. */
export function database(url: string): DbOptions {
  return {
    url,
    schema: 'projects',
    entities: [
      OrganizationRow,
      MemberRow,
      PersonRow,
      InvitationRow,
      InvitationMailRow,
      DataKeyRow,
      ProjectRow,
      PolicyVersionRow,
      OrganizationPolicyRow,
      ApiKeyRow,
      UpstreamRow,
      UpstreamAuthorizationRow,
      ToolPinRow,
      ApprovalRow,
      ConnectionRow,
      OutboxRow,
    ],
    migrations,
  }
}
