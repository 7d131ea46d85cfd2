// What `conditions:` may hold. The descriptions are the ones that editors show and the reference is made of.
import { z } from 'zod'
import { Domains, Globs, MAX_LIST, Name, oneOrMore } from './words.ts'

const JSON_TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'] as const
export const FORMATS = ['email', 'uri', 'uuid', 'date', 'date-time', 'ipv4', 'ipv6', 'hostname'] as const

const constraintFields = {
  type: oneOrMore(z.enum(JSON_TYPES))
    .optional()
    .meta({ description: 'The JSON type, or a list of them. A value of another type is unknown.' }),
  enum: z
    .array(z.json())
    .min(1)
    .max(MAX_LIST)
    .optional()
    .meta({ description: 'The value is one of these.', examples: [['dev', 'test']] }),
  const: z
    .json()
    .optional()
    .meta({ description: 'The value is this one.', examples: [true] }),
  pattern: Name.optional().meta({
    description: "A regular expression of RE2's syntax. It matches the whole value, in linear time.",
    examples: ['[a-z0-9-]+@corp\\.example'],
  }),
  format: z
    .enum(FORMATS)
    .optional()
    .meta({ description: 'The text is of this form, as JSON Schema means it.' }),
  minLength: z.int().min(0).optional().meta({ description: 'The least number of characters.' }),
  maxLength: z.int().min(0).optional().meta({ description: 'The greatest number of characters.' }),
  minimum: z.number().optional().meta({ description: 'The least number.' }),
  maximum: z.number().optional().meta({ description: 'The greatest number.' }),
}
const ITEMS =
  'A constraint on the members of a list: on every one in a rule that allows, on any in one that denies.'
// Items of items are bounded by writing them out: no schema of a policy refers to itself.
const ItemConstraint = z.strictObject({
  ...constraintFields,
  items: z.strictObject(constraintFields).optional().meta({ description: ITEMS }),
})
export const Constraint = z
  .strictObject({
    ...constraintFields,
    required: z.boolean().optional().meta({
      description:
        'Whether a missing value is false (`true`, also when absent) or satisfies the constraint (`false`).',
    }),
    items: ItemConstraint.optional().meta({ description: ITEMS }),
  })
  .meta({
    id: 'Constraint',
    title: 'What an argument must be',
    description: 'A subset of JSON Schema. All that is written must be true.',
  })
export type Constraint = z.infer<typeof Constraint>

export const Operation = z.enum(['read', 'write', 'schema', 'admin'])

export const TimeWindow = z
  .strictObject({
    days: oneOrMore(Name)
      .optional()
      .meta({
        description: 'Days of the week, alone or as a range; every day when absent.',
        examples: ['mon-fri', ['sat', 'sun']],
      }),
    hours: oneOrMore(Name)
      .optional()
      .meta({
        description:
          'From the first minute up to the second, which is no longer inside. `22:00-06:00` belongs to the day it begins on. The whole day when absent.',
        examples: ['09:00-18:00', ['08:00-12:00', '13:00-24:00']],
      }),
    timezone: Name.optional().meta({
      description: 'A time zone by its IANA name, whose summer time counts; UTC when absent.',
      examples: ['Europe/Berlin'],
    }),
  })
  .meta({ id: 'TimeWindow', title: 'A window of the week' })
export type TimeWindow = z.infer<typeof TimeWindow>

export const Conditions = z
  .strictObject({
    path_prefix: oneOrMore(Name)
      .optional()
      .meta({
        description: 'The path is one of these folders or lies inside one, on a boundary between segments.',
        examples: ['/home/safe/', ['/srv/data', '/tmp']],
      }),
    allowed_domains: Domains.optional().meta({
      description:
        "The URL's host is the domain, or below it for `*.domain`. Scheme and port are http or https on its own port unless the entry names them. `*` is every host on any port. IP addresses, localhost and metadata hosts match only when named literally. Not in deny rules.",
      examples: [['api.example.com', '*.internal.example', 'https://api.example.com:8443']],
    }),
    blocked_domains: Domains.optional().meta({
      description:
        'In a rule that allows or asks: there is a URL, and none of them is listed. In a deny rule: one is. Any scheme and port unless the entry names one.',
      examples: [['tracker.example', '*.tracker.example', '169.254.169.254']],
    }),
    connection: Globs.optional().meta({
      description: "The connection that the access runs on, by the project's name for it.",
      examples: ['warehouse'],
    }),
    operations: oneOrMore(Operation)
      .optional()
      .meta({
        description: 'The class of the access is listed: one vocabulary for all databases.',
        examples: [['read'], ['write', 'schema', 'admin']],
      }),
    resources: Globs.optional().meta({
      description:
        'The table or view (`schema.table`), collection or key matches. A statement that touches no stored data lies inside every list of an allow rule.',
      examples: [['analytics.*', 'public.orders'], 'session:*'],
    }),
    fields: Globs.optional().meta({
      description:
        'The columns or document fields match, as `name`, `table.name` or `schema.table.name`: every one in a rule that allows, any in one that denies.',
      examples: [['id', 'total'], '*.password_hash'],
    }),
    functions: Globs.optional().meta({
      description:
        'The SQL functions or server-side scripts match, in lower case: every one in a rule that allows, any in one that denies.',
      examples: [['count', 'sum', 'avg'], 'pg_*'],
    }),
    parameters: z
      .record(Name, Constraint)
      .optional()
      .meta({
        description:
          'Arguments of the call, by name or by a path with dots. A path through a list means every element in a rule that allows, any in one that denies.',
        examples: [
          { replicas: { type: 'integer', maximum: 3 }, 'to.address': { pattern: '.*@corp\\.example' } },
        ],
      }),
    environment: Globs.optional().meta({
      description: "The project's environment: `dev`, `staging` or `prod`.",
      examples: ['prod'],
    }),
    key: Globs.optional().meta({ description: 'The name of the API key that called.', examples: ['ci-*'] }),
    labels: Globs.optional().meta({
      description: "One of the API key's labels matches.",
      examples: ['trial'],
    }),
    agent: Globs.optional().meta({
      description:
        "The client's own name for itself. Anyone can say it: in an allow rule it is a warning, and a deny rule on it keeps out only the honest.",
      examples: ['claude*'],
    }),
    user: Globs.optional().meta({
      description: 'The person the call is made for, from a verified token.',
      examples: ['ann@corp.example'],
    }),
    groups: Globs.optional().meta({
      description: "One of the person's groups matches, from a verified token.",
      examples: [['ops', 'dba']],
    }),
    time: TimeWindow.optional().meta({
      description: 'The call is made inside this window.',
      examples: [{ days: 'mon-fri', hours: '09:00-18:00', timezone: 'Europe/Berlin' }],
    }),
  })
  .meta({ id: 'Conditions', title: 'Conditions', description: 'Every one of them must hold.' })
export type Conditions = z.infer<typeof Conditions>
