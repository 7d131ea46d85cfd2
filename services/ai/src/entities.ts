// The tables of the ai schema: each use of the assistant, without what was asked, and the conversations.
import { defineEntity, p, type InferEntity } from '@mikro-orm/core'
import type { AiJob, AiSource } from '@mcpshield/contracts/ai'
import type { Role } from '@mcpshield/contracts/caller'
import type { DbOptions } from '@mcpshield/db/connect'
import { OutboxRow } from '@mcpshield/db/outbox'
import { migrations } from './migrations/index.ts'

/** `running`: not settled yet. */
export type UseState = 'running' | 'completed' | 'failed' | 'stopped'

export const UseRow = defineEntity({
  name: 'UseRow',
  tableName: 'uses',
  indexes: [{ name: 'uses_org_id_month_index', properties: ['org_id', 'month'] }],
  properties: {
    id: p.uuid().primary(),
    org_id: p.uuid(),
    /** Null once the project or the person is gone. */
    project_id: p.uuid().nullable(),
    user_id: p.uuid().nullable(),
    /** The person's, when it was asked for. */
    role: p.string().length(16).$type<Role>(),
    request_id: p.string().length(64),
    job: p.string().length(16).$type<AiJob>(),
    source: p.string().length(16).$type<AiSource>(),
    model: p.string().length(200).nullable(),
    state: p.string().length(16).$type<UseState>(),
    /** Whether it counts against the plan: from its beginning, until it is given back. */
    counted: p.boolean(),
    /** `2026-11`, of its beginning (UTC). */
    month: p.string().length(7),
    input_tokens: p.integer(),
    output_tokens: p.integer(),
    attempts: p.integer(),
    started_at: p.datetime(),
    ended_at: p.datetime().nullable(),
  },
})
export type UseRow = InferEntity<typeof UseRow>

export const ConversationRow = defineEntity({
  name: 'ConversationRow',
  tableName: 'conversations',
  indexes: [{ name: 'conversations_user_id_project_id_index', properties: ['user_id', 'project_id'] }],
  properties: {
    /** UUIDv7: lists are in the order of their beginnings. */
    id: p.uuid().primary(),
    org_id: p.uuid(),
    project_id: p.uuid(),
    user_id: p.uuid(),
    title: p.string().length(200),
    messages: p.integer(),
    created_at: p.datetime(),
    updated_at: p.datetime(),
  },
})
export type ConversationRow = InferEntity<typeof ConversationRow>

export const MessageRow = defineEntity({
  name: 'MessageRow',
  tableName: 'messages',
  properties: {
    /** Their order. */
    id: p.bigint().primary().autoincrement(),
    org_id: p.uuid(),
    conversation_id: p.uuid().index('messages_conversation_id_index'),
    role: p.string().length(16).$type<'user' | 'assistant'>(),
    text: p.text(),
    policy: p.text().nullable(),
    source: p.string().length(16).$type<AiSource>().nullable(),
    created_at: p.datetime(),
  },
})
export type MessageRow = InferEntity<typeof MessageRow>

/** How the service's schema is reached and what is in it. */
export function database(url: string): DbOptions {
  return { url, schema: 'ai', entities: [UseRow, ConversationRow, MessageRow, OutboxRow], migrations }
}
