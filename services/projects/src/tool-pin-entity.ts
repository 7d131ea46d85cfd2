import { defineEntity, p, type InferEntity } from '@mikro-orm/core'

/** A tool's definition as it was approved. Definitions are canonical JSON: text, because JSON of the database loses some. */
export const ToolPinRow = defineEntity({
  name: 'ToolPinRow',
  tableName: 'tool_pins',
  properties: {
    upstream_id: p.uuid().primary(),
    name: p.string().length(200).primary(),
    project_id: p.uuid().index(),
    org_id: p.uuid(),
    approved: p.text(),
    approved_hash: p.string().length(64),
    approved_by: p.uuid().nullable(),
    approved_at: p.datetime(),
    /** What is offered now, where that differs. */
    offered: p.text().nullable(),
    offered_hash: p.string().length(64).nullable(),
    offered_at: p.datetime().nullable(),
    /** When administrators were last told of a change of it. */
    mailed_at: p.datetime().nullable(),
  },
})
export type ToolPinRow = InferEntity<typeof ToolPinRow>
