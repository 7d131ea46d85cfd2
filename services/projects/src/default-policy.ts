// The policy a new project starts with: nothing is allowed but reading, in bounds, from the databases it
// names. Written for the person who will change it.
import type { Project } from '@mcpshield/contracts/projects'

type Infrastructure = Project['infrastructure'][number]

const READ_SQL = (tool: string, resources: string) => `
  # Reading is allowed, in bounds; secrets found in the rows are masked. Writing is not: no rule allows it.
  # Narrow the resources to what the agent needs, for example ["public.orders", "analytics.*"].
  - id: ${tool.split('.')[0]}-read
    description: Reading, a bounded number of rows
    tool: "${tool}"
    decision: allow
    conditions:
      operations: [read]
      resources: ["${resources}"]
    limits: { rate_limit: { calls: 60, per: 1m, by: key }, max_rows: 1000, timeout: 10s }
    redact: [private_key, jwt, aws_key, github_token, connection_string, credit_card, generic_secret]
`

const rules: Record<Infrastructure, string> = {
  postgresql: READ_SQL('postgres.query', 'public.*'),
  mysql: READ_SQL('mysql.query', '*'),
  sqlite: READ_SQL('sqlite.query', '*'),
  mongodb: `
  # Finding documents is allowed, in bounds; collections can be named one by one.
  - id: mongodb-read
    description: Finding documents, a bounded number
    tool: ["mongodb.find", "mongodb.count", "mongodb.distinct"]
    decision: allow
    conditions: { operations: [read], resources: ["*"] }
    limits: { rate_limit: { calls: 60, per: 1m, by: key }, timeout: 10s }
    redact: [private_key, jwt, aws_key, github_token, connection_string, credit_card, generic_secret]
`,
  redis: `
  # Commands that read are allowed; name the keys the agent needs, for example ["cache:*"].
  - id: redis-read
    description: Commands that read
    tool: "redis.command"
    decision: allow
    conditions: { operations: [read], resources: ["*"] }
    limits: { rate_limit: { calls: 60, per: 1m, by: key }, timeout: 5s }
    redact: [private_key, jwt, aws_key, github_token, connection_string, credit_card, generic_secret]
`,
  files: `
  # Which folder an agent may read is for you to say: take away the # and name it.
  # - id: files-read
  #   tool: ["filesystem.read", "filesystem.list", "filesystem.search"]
  #   decision: allow
  #   conditions: { path_prefix: "/srv/agent-files" }
`,
  http: `
  # Which hosts an agent may reach is for you to say: take away the # and name them.
  # - id: http-requests
  #   tool: "network.request"
  #   decision: allow
  #   conditions: { allowed_domains: ["api.example.com"] }
`,
}

/** A policy that denies by default and opens the least that is of use for each kind of system. */
export function defaultPolicy(infrastructure: readonly Infrastructure[]): string {
  const parts = [...new Set(infrastructure)].map((each) => rules[each])
  const none = parts.every((part) => !/^ {2}- /m.test(part))
  return `# The policy of this project. Rules are read from top to bottom; the first that decides, decides.
# What no rule allows is denied.
version: 1
default: deny

rules:${none ? ' []' : ''}
${parts.join('').replace(/^\n/, '')}`
}
