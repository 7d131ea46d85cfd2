// How calls travel: those of one turn of the event loop to one endpoint share a message, and so do the answers that are
// ready together. One message each would cost more than most of the work that is asked for.
import { z } from 'zod'
import { Caller } from '@mcpshield/contracts/caller'
import type { ErrorBody } from '@mcpshield/contracts/errors'

/** One call of a group. `id` is unique within its group. */
export const GroupedCall = z.object({
  id: z.int(),
  request_id: z.string(),
  /** W3C traceparent of the asker's work, where it is traced. */
  traceparent: z.string().max(128).optional(),
  caller: Caller,
  input: z.unknown(),
})
export type GroupedCall = z.infer<typeof GroupedCall>
export const CallGroup = z.array(GroupedCall)

/** One answer: an output, or a refusal. Answers of one group may come in several messages. */
export type GroupedAnswer = { id: number; output: unknown } | { id: number; error: ErrorBody }

/** Calls in one message at most; a server lets a service answer a message so many times. */
export const MAX_GROUP_CALLS = 64
/** A message closes when it has so many bytes. */
export const MAX_GROUP_BYTES = 256 * 1024
