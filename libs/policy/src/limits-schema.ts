// What a call owes when it goes through: `limits:` and `redact:`.
import { z } from 'zod'
import { DETECTOR_NOTES } from './detectors.ts'
import type { Detector as DetectorName } from './detectors.ts'
import { Duration, Glob, MAX_LIST, Name } from './words.ts'

export const DETECTORS = Object.keys(DETECTOR_NOTES) as DetectorName[]
export const Detector = z.enum(DETECTORS).meta({
  id: 'Detector',
  title: 'Detector',
  description: 'What to look for in text.',
})
const ReplaceWith = z.enum(['mask', 'hash', 'drop']).meta({
  id: 'ReplaceWith',
  title: 'What stands in its place',
  description:
    '`mask` (also when absent): a mark of its kind. `hash`: the same mark for the same value, by a key of the project. `drop`: nothing.',
})

const DetectorRedaction = z
  .strictObject({ detector: Detector, with: ReplaceWith.optional() })
  .meta({ title: 'What a detector finds' })
const PatternRedaction = z
  .strictObject({
    pattern: Name.meta({ description: "A regular expression of RE2's syntax, looked for anywhere in text." }),
    with: ReplaceWith.optional(),
  })
  .meta({ title: 'What a pattern finds' })
const FieldsRedaction = z
  .strictObject({
    fields: z
      .array(Glob)
      .min(1)
      .max(MAX_LIST)
      .meta({ description: 'Source columns or document fields, under whatever alias they come.' }),
    with: ReplaceWith.optional(),
  })
  .meta({ title: 'Columns or fields' })
const DenyArguments = z
  .strictObject({ detector: Detector, on: z.literal('arguments'), deny: z.literal(true) })
  .meta({
    title: 'Arguments that must not carry it',
    description: 'The call is denied when its own arguments carry what the detector finds.',
  })

/** One entry of `redact:` as written; a bare name is that detector. */
export const RedactEntry = z
  .union([Detector, DetectorRedaction, PatternRedaction, FieldsRedaction, DenyArguments])
  .meta({ id: 'RedactEntry', title: 'What to redact' })
export type RedactEntry = z.infer<typeof RedactEntry>

/** What must not leave in a result. */
export const Redaction = z.union([DetectorRedaction, PatternRedaction, FieldsRedaction])
export type Redaction = z.infer<typeof Redaction>

export const RateBy = z.enum(['key', 'agent', 'project', 'user'])
export const RateLimit = z
  .strictObject({
    calls: z.int().min(1).max(1_000_000).meta({ description: 'How many calls fit into the window.' }),
    per: Duration.meta({ description: 'How long the window is; it slides.' }),
    by: RateBy.optional().meta({ description: 'Who shares the window; the API key when absent.' }),
  })
  .meta({ id: 'RateLimit', title: 'Rate limit', examples: [{ calls: 60, per: '1m', by: 'key' }] })
export const Limits = z
  .strictObject({
    rate_limit: RateLimit.optional().meta({
      description: 'How often. One call too many is denied for good: no later rule is tried.',
    }),
    max_rows: z
      .int()
      .min(1)
      .optional()
      .meta({ description: 'How many rows come back at most. Only of our database connectors.' }),
    max_bytes: z.int().min(1).optional().meta({ description: 'How many bytes come back at most.' }),
    timeout: Duration.optional().meta({ description: 'How long the call may run.' }),
  })
  .meta({ id: 'Limits', title: 'Limits', description: 'Taken after the decision. The tightest wins.' })
export type Limits = z.infer<typeof Limits>
