import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { ApprovalState } from '@mcpshield/contracts/projects'
import type { z } from 'zod'

/** A call that waits, or waited, for a person. */
export const ApprovalRow = defineEntity({
  name: 'ApprovalRow',
  tableName: 'approvals',
  indexes: [
    { name: 'approvals_project_id_open_index', properties: ['project_id', 'open'] },
    { name: 'approvals_open_expires_at_index', properties: ['open', 'expires_at'] },
  ],
  properties: {
    id: p.uuid().primary(),
    project_id: p.uuid(),
    org_id: p.uuid(),
    state: p.string().length(16).$type<z.infer<typeof ApprovalState>>(),
    /** Whether something may still come of it: it is in KV, and the clock has to be watched. */
    open: p.boolean(),
    /** What it is bound to. */
    digest: p.string().length(64),
    method: p.text(),
    tool: p.text(),
    /** JSON of the arguments, as lists show them. */
    shown_arguments: p.text(),
    /** The arguments exactly, sealed. */
    sealed_arguments: p.text(),
    rule: p.text(),
    reason: p.text(),
    policy_version: p.integer(),
    agent: p.text().nullable(),
    key_id: p.uuid().nullable(),
    /** The user of the token that asked. */
    asked_by: p.text().nullable(),
    decision_id: p.uuid(),
    created_at: p.datetime(),
    expires_at: p.datetime(),
    decided_at: p.datetime().nullable(),
    decided_by: p.uuid().nullable(),
    note: p.string().length(500).nullable(),
    used_at: p.datetime().nullable(),
  },
})
export type ApprovalRow = InferEntity<typeof ApprovalRow>
