// Rules with conditions of every kind, ten to a tool, and calls that each of them decides about.
import type { Facts } from '@mcpshield/policy/facts'
import type { Policy, Rule } from '@mcpshield/policy/schema'

const PER_TOOL = 10

/** A policy of so many rules: each of a tool's ten tests another kind of condition. */
export function policyOfEveryKind(rules: number): Policy {
  return { version: 1, rules: Array.from({ length: rules }, (_, i) => ruleOf(i)) }
}

function ruleOf(i: number): Rule {
  const conditions: NonNullable<Rule['conditions']>[] = [
    { path_prefix: `/srv/${i}/secret/` },
    { resources: [`s${i}.secrets`], fields: ['password_hash', '*.token'] },
    { functions: ['pg_sleep', `f${i}_*`] },
    { operations: ['read'], resources: [`s${i}.*`], connection: ['warehouse', 'replica'] },
    { path_prefix: [`/srv/${i}/`, `/home/${i}/`] },
    { allowed_domains: [`api${i}.example.com`, `*.internal${i}.example`] },
    { blocked_domains: ['evil.example'], environment: ['dev', 'staging'] },
    {
      parameters: {
        'options.limit': { type: 'integer', maximum: 100 },
        name: { pattern: `item-${i}-[a-z]+` },
      },
    },
    { resources: [`t${i}.*`], time: { days: ['mon-fri'], hours: ['00:00-23:59'] }, labels: ['team-*'] },
    { resources: [`u${i}.*`], key: ['bench', 'other'], fields: ['id', 'total', `f${i}`] },
  ]
  const decision = i % PER_TOOL < 3 ? 'deny' : 'allow'
  return { tool: toolOf(i), decision, conditions: conditions[i % PER_TOOL] }
}

const toolOf = (i: number) => `server${Math.floor(i / PER_TOOL)}/act`

/** Calls with paths, URLs, accesses or arguments only, in turn, over all the tools. */
export function callsOfEveryKind(rules: number): Facts[] {
  return Array.from({ length: 2_000 }, (_, n) => {
    const i = (n * 31) % rules
    const empty: Facts = {
      method: 'tools/call',
      tool: toolOf(i),
      arguments: {},
      paths: [],
      urls: [],
      accesses: [],
    }
    return { ...empty, ...touched(i - (i % PER_TOOL), n) }
  })
}

/** What a call of a tool touches, whose first rule is that. */
function touched(first: number, n: number): Partial<Facts> {
  const access = (resource: string) => ({
    connection: 'warehouse',
    operation: 'read' as const,
    resource,
    fields: ['id', 'total'],
    functions: ['sum'],
  })
  const host = `api${first + 5}.example.com`
  switch (n % 6) {
    case 0:
      return { paths: [`/srv/${first + 4}/docs/a.txt`] }
    case 1:
      return { urls: [{ href: `https://${host}/v1`, scheme: 'https', host, port: 443 }] }
    case 2:
      return { arguments: { options: { limit: 50 }, name: `item-${first + 7}-abc` } }
    case 3:
      return { accesses: [access(`s${first + 3}.orders`)] }
    case 4:
      return { accesses: [access(`t${first + 8}.orders`)] }
    default:
      return { accesses: [access('nobody.knows')] }
  }
}
