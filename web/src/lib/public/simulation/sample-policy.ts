// The policy that the simulation begins with, and changes to try on it.

export const SAMPLE_POLICY = `version: 1
default: deny
rules:
  - id: reports
    tool: postgres.query
    decision: allow
    conditions:
      operations: [read]
      resources: ['analytics.*', public.orders]
    limits: { max_rows: 1000 }
    redact: [email]
  - id: ask-before-a-change
    tool: postgres.query
    decision: ask
    conditions:
      operations: [write]
      resources: [public.orders]
  - id: project-files
    tool: 'filesystem.*'
    decision: allow
    conditions: { path_prefix: /home/agent/project }
  - id: cache-keys
    tool: redis.command
    decision: allow
    conditions: { resources: ['cache:*'] }
  - id: code-host
    tool: network.request
    decision: allow
    conditions: { allowed_domains: [api.github.com] }
  - id: ask-before-an-issue
    tool: github/create_issue
    decision: ask
`

export type Edit = { label: string; from: string; to: string }

/** What is worth a try, for who does not know the language yet. */
export const EDITS: readonly Edit[] = [
  {
    label: 'Open hr to reports',
    from: `['analytics.*', public.orders]`,
    to: `['analytics.*', 'hr.*', public.orders]`,
  },
  {
    label: 'Let it change orders unasked',
    from: '  - id: ask-before-a-change\n    tool: postgres.query\n    decision: ask',
    to: '  - id: ask-before-a-change\n    tool: postgres.query\n    decision: allow',
  },
  {
    label: 'Reads of files only',
    from: `tool: 'filesystem.*'`,
    to: 'tool: [filesystem.read, filesystem.list]',
  },
  {
    label: 'Deny everything of Redis',
    from: '  - id: cache-keys\n    tool: redis.command\n    decision: allow',
    to: '  - id: cache-keys\n    tool: redis.command\n    decision: deny',
  },
  { label: 'Make a mistake', from: 'operations: [read]', to: 'operations: [raed]' },
]

/** The text with the change made, or the sample with it where the text no longer has the place; made already, undone. */
export function edited(text: string, { from, to }: Edit): string {
  if (text.includes(from)) return text.replace(from, () => to)
  if (text.includes(to)) return text.replace(to, () => from)
  return SAMPLE_POLICY.replace(from, () => to)
}

export const isMade = (text: string, { from, to }: Edit): boolean => text.includes(to) && !text.includes(from)
