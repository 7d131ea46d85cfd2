// Small values that many messages share.
import { z } from 'zod'

export const Id = z.uuid()
/** RFC 3339, UTC, with milliseconds. */
export const Time = z.iso.datetime()
export const Email = z
  .email()
  .max(254)
  .transform((text) => text.toLowerCase())
export const Empty = z.strictObject({})

export const Page = { limit: z.int().min(1).max(200).default(50), cursor: z.string().max(500).optional() }

/** The shape of every list. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    next_cursor: z.string().nullable(),
    prev_cursor: z.string().nullable(),
  })
}

/** What every service answers about itself. */
export const Health = z.object({
  ok: z.boolean(),
  dependencies: z.record(z.string(), z.object({ ok: z.boolean(), detail: z.string().optional() })),
})
export type Health = z.infer<typeof Health>
