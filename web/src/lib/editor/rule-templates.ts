// Common rules to begin with: in the editor as completions, in the form as choices. `${…}` are the places to fill in.
import type { PolicyKind } from './checked.ts'

export type RuleTemplate = {
  id: string
  title: string
  about: string
  /** Lines of a rule, as they stand after the dash. */
  yaml: string
  organization: boolean
}

export const RULE_TEMPLATES: readonly RuleTemplate[] = [
  {
    id: 'read-tables',
    title: 'Read some tables',
    about: 'Reading of the named tables, in bounds',
    organization: false,
    yaml: `id: \${read-tables}
tool: \${postgres.query}
decision: allow
conditions:
  operations: [read]
  resources: ["\${public.*}"]
limits: { rate_limit: { calls: 60, per: 1m, by: key }, max_rows: 1000, timeout: 10s }`,
  },
  {
    id: 'ask-for-writes',
    title: 'Ask before writing',
    about: 'A write waits until a person approves it',
    organization: true,
    yaml: `id: \${ask-for-writes}
tool: \${postgres.query}
decision: ask
timeout: 15m
conditions:
  operations: [write]
  resources: ["\${public.*}"]`,
  },
  {
    id: 'deny-columns',
    title: 'Keep columns secret',
    about: 'Denies every statement that reads or tests the columns',
    organization: true,
    yaml: `id: \${secret-columns}
tool: \${postgres.query}
decision: deny
conditions:
  fields: ["\${*.password_hash}"]`,
  },
  {
    id: 'redact-personal',
    title: 'Read with personal data masked',
    about: 'Addresses, phone and card numbers are masked in results',
    organization: false,
    yaml: `id: \${read-masked}
tool: \${postgres.query}
decision: allow
conditions:
  operations: [read]
  resources: ["\${public.customers}"]
redact: [email, phone, credit_card]`,
  },
  {
    id: 'read-folder',
    title: 'Read one folder',
    about: 'Files inside the folder, and nothing beside it',
    organization: false,
    yaml: `id: \${read-folder}
tool: [filesystem.read, filesystem.list, filesystem.search]
decision: allow
conditions:
  path_prefix: "\${/srv/agent-files}"`,
  },
  {
    id: 'reach-hosts',
    title: 'Reach some hosts',
    about: 'Requests to the named hosts only',
    organization: false,
    yaml: `id: \${reach-hosts}
tool: network.request
decision: allow
conditions:
  allowed_domains: ["\${api.example.com}"]`,
  },
  {
    id: 'deny-hosts',
    title: 'Block some hosts',
    about: 'Denies requests to the named hosts',
    organization: true,
    yaml: `id: \${blocked-hosts}
tool: "*"
decision: deny
conditions:
  blocked_domains: ["\${169.254.169.254}"]`,
  },
  {
    id: 'upstream-tools',
    title: 'Allow tools of a server',
    about: 'Tools of an upstream MCP server by their names, whatever their arguments',
    organization: false,
    yaml: `id: \${server-tools}
tool: ["\${github/get_*}"]
decision: allow`,
  },
  {
    id: 'ask-tool',
    title: 'Ask before a tool runs',
    about: 'Every call of the tool waits until a person approves it',
    organization: true,
    yaml: `id: \${ask-first}
tool: "\${github/create_*}"
decision: ask
timeout: 15m`,
  },
  {
    id: 'office-hours',
    title: 'Only in office hours',
    about: 'Reading on working days from nine to six',
    organization: false,
    yaml: `id: \${office-hours}
tool: \${postgres.query}
decision: allow
conditions:
  operations: [read]
  resources: ["\${public.*}"]
  time: { days: mon-fri, hours: "09:00-18:00", timezone: \${Europe/Berlin} }`,
  },
]

export function templatesFor(kind: PolicyKind): readonly RuleTemplate[] {
  return kind === 'project' ? RULE_TEMPLATES : RULE_TEMPLATES.filter((each) => each.organization)
}

/** The rule with what the template proposes at the places to fill in. */
export function filledIn({ yaml }: RuleTemplate): string {
  return yaml.replace(/\$\{([^}]*)\}/g, '$1')
}
