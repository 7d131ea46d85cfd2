// What to see to when a kind of system is connected, and where it is written: for advice without a model, and for the model to lean on.
import type { z } from 'zod'
import type { Infrastructure } from '@mcpshield/contracts/projects'

export type System = z.infer<typeof Infrastructure>
export type Checklist = { title: string; points: string[]; pages: string[] }

const DATABASE = [
  'Give the connection an account of its own that can do no more than agents should: the account’s rights are the last wall.',
  'Start from default: deny; allow operations: [read] on the schemas or tables that are needed, by name.',
  'Put a deny rule on what nobody’s agent needs (salaries, credentials) above everything else: it holds in whatever order rules are added later.',
  'Let writes wait for a person: an ask rule with operations: [write, schema, admin] above what allows.',
  'Bound what comes back: limits with max_rows, timeout and rate_limit.',
  'Hide personal columns with redact: detectors such as email, and fields by their names.',
]

export const CHECKLISTS: Record<System | 'any', Checklist> = {
  postgresql: {
    title: 'PostgreSQL',
    points: [
      ...DATABASE,
      'Name tables with their schema (public.orders), and set search_path of the connection where it is not public.',
    ],
    pages: ['/docs/databases/postgresql', '/docs/policy/reference'],
  },
  mysql: {
    title: 'MySQL and MariaDB',
    points: [...DATABASE, 'Grant the account one database only, and name tables with it (shop.orders).'],
    pages: ['/docs/databases/mysql', '/docs/policy/reference'],
  },
  sqlite: {
    title: 'SQLite',
    points: [
      ...DATABASE,
      'Give the gateway’s user the file for reading only, where nothing is to be written.',
    ],
    pages: ['/docs/databases/sqlite', '/docs/policy/reference'],
  },
  mongodb: {
    title: 'MongoDB',
    points: [
      ...DATABASE,
      'Name collections; a $lookup touches the other collection too and needs a rule that covers it.',
    ],
    pages: ['/docs/databases/mongodb', '/docs/policy/reference'],
  },
  redis: {
    title: 'Redis',
    points: [
      'Give the connection a user of its own (ACL) with the keys and commands that are needed.',
      'Allow operations: [read] on a prefix of keys (session:*), never on all.',
      'Leave administrative commands denied: EVAL, CONFIG and their like reach beyond keys.',
      'Bound how often: limits with rate_limit.',
    ],
    pages: ['/docs/databases/redis', '/docs/policy/reference'],
  },
  files: {
    title: 'Files',
    points: [
      'Run the gateway as a user of its own, which may read no more than agents should.',
      'Allow filesystem.read and filesystem.list with path_prefix of one folder; a folder beside it is not inside it.',
      'Deny what lies in it and is secret (.env, keys) by a deny rule with its path_prefix above.',
      'Let filesystem.write wait for a person.',
    ],
    pages: ['/docs/policy/cookbook', '/docs/policy/reference'],
  },
  http: {
    title: 'HTTP',
    points: [
      'Allow network.request with allowed_domains by name; local and metadata hosts match only when named literally.',
      'Data that an agent may read can leave by any host that it may write to: keep that list short.',
      'Keep secrets out of requests: redact: [{ detector: generic_secret, on: arguments, deny: true }].',
      'Where an installation is for many, set UPSTREAM_EGRESS to public.',
    ],
    pages: ['/docs/policy/cookbook', '/docs/policy/reference'],
  },
  any: {
    title: 'To begin with',
    points: [
      'Start from default: deny and allow what is needed; each allowed thing with the nearest denied thing as a test.',
      'One API key for each agent, with labels, so that rules and kill switches can tell them apart.',
      'Accept changed tool definitions only after reading their difference: they are quarantined until then.',
      'Try a draft on the calls of the last days (simulate) before it is saved.',
      'Begin in monitor mode where agents are at work already, and read the record before enforcing.',
    ],
    pages: ['/docs/policy/cookbook', '/docs/policy/reference'],
  },
}

/** For these systems, the general ones last. */
export function checklistsFor(systems: readonly System[]): Checklist[] {
  return [...new Set(systems)].map((each) => CHECKLISTS[each]).concat(CHECKLISTS.any)
}

export function inText(checklists: readonly Checklist[]): string {
  return checklists
    .map(
      ({ title, points, pages }) =>
        `${title}\n${points.map((each) => `- ${each}`).join('\n')}\nSee ${pages.join(', ')}.`,
    )
    .join('\n\n')
}
