// What names, lists and durations look like wherever the document has them.
import { z } from 'zod'
import { DURATION, durationMs } from './durations.ts'

export const MAX_LIST = 1_000
const MAX_NAME_UNITS = 1_000

export const Name = z.string().min(1, 'must not be empty').max(MAX_NAME_UNITS)
export const Glob = Name.meta({
  id: 'Glob',
  title: 'Pattern',
  description: '`*` stands for any run of characters, `?` for one; everything else is itself.',
})

export function oneOrMore<Item extends z.ZodType>(item: Item) {
  return z.union([item, z.array(item).min(1, 'must not be an empty list').max(MAX_LIST)])
}

export const Globs = oneOrMore(Glob).meta({ id: 'Globs', title: 'One pattern, or a list of them' })

/** Not `Name`: an empty entry has a message of its own, which says what a domain looks like. */
export const Domains = oneOrMore(z.string().max(MAX_NAME_UNITS)).meta({
  id: 'Domains',
  title: 'One domain, or a list of them',
})

export const Duration = z
  .string()
  .regex(DURATION, 'must be a duration such as 500ms, 30s, 5m, 1h or 7d')
  .refine((text) => durationMs(text) !== undefined, 'must be at most 31 days')
  .meta({
    id: 'Duration',
    title: 'Duration',
    description: 'A whole number and a unit: ms, s, m, h or d. At most 31 days.',
    examples: ['500ms', '30s', '5m', '1h', '7d'],
  })
