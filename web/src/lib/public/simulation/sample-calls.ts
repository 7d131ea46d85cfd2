// The calls of the simulation, as an agent would make them. What each touches is in sample-facts.json, drawn by the
// engine's own parsers; a test says so.
import type { Context, Facts, JsonObject } from '@mcpshield/policy/facts'
import drawn from './sample-facts.json' with { type: 'json' }

export type SampleCall = {
  id: string
  tool: string
  arguments: JsonObject
  /** The part of the arguments that says it all. */
  shown: string
}

export const SAMPLE_CALLS: readonly SampleCall[] = [
  sql('report', 'select country, count(*) from analytics.visits group by country'),
  sql(
    'salaries',
    'select v.country, s.amount from analytics.visits v join hr.salaries s on s.person = v.person',
  ),
  file('source', 'read', '/home/agent/project/src/main.ts'),
  sql('refund', "update public.orders set status = 'refunded' where id = 8142"),
  file('ssh-key', 'read', '/home/agent/project/../.ssh/id_ed25519'),
  redis('cached', ['GET', 'cache:visits:today']),
  sql('hidden-delete', 'with gone as (delete from analytics.visits returning *) select count(*) from gone'),
  web('repository', 'https://api.github.com/repos/acme/shop/releases'),
  redis('session', ['MGET', 'cache:visits:today', 'session:root']),
  {
    id: 'issue',
    tool: 'github/create_issue',
    arguments: { owner: 'acme', repo: 'shop', title: 'Totals differ by a cent' },
    shown: 'acme/shop “Totals differ by a cent”',
  },
  sql('server-file', "select pg_read_file('/etc/passwd')"),
  web('metadata', 'http://169.254.169.254/latest/meta-data/iam/'),
  sql('orders', 'select id, email, total from public.orders order by id desc limit 50'),
  {
    id: 'merge',
    tool: 'github/merge_pull_request',
    arguments: { owner: 'acme', repo: 'shop', pullNumber: 311 },
    shown: 'acme/shop #311',
  },
  file('write', 'write', '/home/agent/project/out/report.md'),
  sql('two-statements', 'select 1; drop table public.orders'),
]

/** What the connections of the project are called, and where the agent works. */
export const SAMPLE_CONNECTIONS = [
  { name: 'main', kind: 'postgresql', search_path: ['public'] },
  { name: 'cache', kind: 'redis' },
]
export const SAMPLE_CONTEXT: Context = {
  environment: 'prod',
  key: 'reporting',
  labels: ['reports'],
  agent: 'claude-ai',
}

export function factsOf(call: SampleCall): Facts {
  const { paths, urls, accesses } = (drawn as Record<string, Pick<Facts, 'paths' | 'urls' | 'accesses'>>)[
    call.id
  ]!
  return { method: 'tools/call', tool: call.tool, arguments: call.arguments, paths, urls, accesses }
}

function sql(id: string, statement: string): SampleCall {
  return { id, tool: 'postgres.query', arguments: { sql: statement }, shown: statement }
}

function file(id: string, verb: 'read' | 'write', path: string): SampleCall {
  const content = verb === 'write' ? { content: '# Visits' } : {}
  return { id, tool: `filesystem.${verb}`, arguments: { path, ...content }, shown: path }
}

function redis(id: string, command: string[]): SampleCall {
  return { id, tool: 'redis.command', arguments: { command }, shown: command.join(' ') }
}

function web(id: string, url: string): SampleCall {
  return { id, tool: 'network.request', arguments: { method: 'GET', url }, shown: `GET ${url}` }
}
