// For each condition a call that satisfies it and the nearest one that does not: shown in the reference, and decided
// by the engine when the reference is made.
import type { Conditions } from '../src/conditions-schema.ts'
import type { Access, Context, Facts } from '../src/facts.ts'

export type ExampleCall = { text: string; call: Partial<Facts>; context?: Context }
export type ConditionExample = {
  conditions: Conditions
  allowed: ExampleCall
  denied: ExampleCall
  /** What is worth knowing beyond the description. */
  note?: string
}

const path = (path: string): ExampleCall => ({ text: `reads ${code(path)}`, call: { paths: [path] } })
const url = (text: string): ExampleCall => {
  const { href, protocol, hostname, port } = new URL(text)
  const scheme = protocol.slice(0, -1)
  const fact = { href, scheme, host: hostname, port: port === '' ? (PORTS[scheme] ?? 0) : Number(port) }
  return { text: `requests ${code(text)}`, call: { urls: [fact] } }
}
const PORTS: Record<string, number> = { http: 80, https: 443 }
const sql = (text: string, ...accesses: Partial<Access>[]): ExampleCall => ({
  text: code(text),
  call: { accesses: accesses.map((each) => ({ ...PLAIN, ...each })) },
})
const PLAIN: Access = { connection: 'main', operation: 'read', resource: null, fields: [], functions: [] }
const args = (args: Facts['arguments']): ExampleCall => ({
  text: `with ${code(JSON.stringify(args))}`,
  call: { arguments: args },
})
const by = (text: string, context: Context): ExampleCall => ({ text, call: {}, context })

function code(text: string): string {
  return `\`${text}\``
}

export const CONDITION_EXAMPLES: Record<keyof Conditions, ConditionExample> = {
  path_prefix: {
    conditions: { path_prefix: '/home/safe/' },
    allowed: path('/home/safe/a.txt'),
    denied: path('/home/safe-evil/a.txt'),
    note: '`.` and `..` are resolved before the test. A relative path without a known root, `~` and NUL are unknown. Case is significant.',
  },
  allowed_domains: {
    conditions: { allowed_domains: ['api.example.com', '*.internal.example'] },
    allowed: url('https://wiki.internal.example/'),
    denied: url('https://api.example.com.evil.example/'),
    note: 'The host is the one a browser would connect to (WHATWG), never the text of the URL.',
  },
  blocked_domains: {
    conditions: { allowed_domains: ['*'], blocked_domains: ['*.tracker.example'] },
    allowed: url('https://tracker.example/'),
    denied: url('http://eu.tracker.example:8080/'),
    note: 'Alone in an allow rule it also lets local and metadata hosts through: `allowed_domains: ["*"]` beside it leaves those out.',
  },
  connection: {
    conditions: { connection: 'warehouse' },
    allowed: sql('select 1', { connection: 'warehouse' }),
    denied: sql('select 1', { connection: 'billing' }),
  },
  operations: {
    conditions: { operations: ['read'] },
    allowed: sql('select id from orders', { resource: 'orders', fields: ['id'] }),
    denied: sql('with gone as (delete from orders returning id) select id from gone', {
      resource: 'orders',
      operation: 'write',
      fields: ['id'],
    }),
  },
  resources: {
    conditions: { resources: ['analytics.*', 'public.orders'] },
    allowed: sql('select id from analytics.visits', { resource: 'analytics.visits', fields: ['id'] }),
    denied: sql(
      'select v.id from analytics.visits v join hr.people p using (id)',
      { resource: 'analytics.visits', fields: ['id'] },
      { resource: 'hr.people', fields: ['id'] },
    ),
    note: 'Names are resolved: aliases and CTE names are no tables, and the search path is applied where it is known.',
  },
  fields: {
    conditions: { resources: ['public.people'], fields: ['id', 'name', 'city'] },
    allowed: sql('select city, count(*) from public.people group by city', {
      resource: 'public.people',
      fields: ['city'],
      functions: ['count'],
    }),
    denied: sql('select name from public.people order by salary', {
      resource: 'public.people',
      fields: ['name', 'salary'],
    }),
    note: 'Columns count wherever they stand in the statement. `select *` is known only where the columns of the table are. A deny rule about a part of a document’s field, `payment.card`, also sees `payment` when it comes whole.',
  },
  functions: {
    conditions: { functions: ['count', 'sum'] },
    allowed: sql('select count(*) from orders', { resource: 'orders', functions: ['count'] }),
    denied: sql('select count(*), pg_sleep(60) from orders', {
      resource: 'orders',
      functions: ['count', 'pg_sleep'],
    }),
  },
  parameters: {
    conditions: { parameters: { replicas: { type: 'integer', minimum: 1, maximum: 3 } } },
    allowed: args({ replicas: 3 }),
    denied: args({ replicas: '3' }),
    note: 'A value of a wrong type is unknown: it never allows, and it may deny. A missing one is false, unless `required: false`.',
  },
  environment: {
    conditions: { environment: ['dev', 'staging'] },
    allowed: by('in `staging`', { environment: 'staging' }),
    denied: by('in `prod`', { environment: 'prod' }),
  },
  key: {
    conditions: { key: 'ci-*' },
    allowed: by('by the key `ci-main`', { key: 'ci-main' }),
    denied: by('by the key `laptop`', { key: 'laptop' }),
  },
  labels: {
    conditions: { labels: ['oncall'] },
    allowed: by('by a key labelled `oncall` and `eu`', { labels: ['oncall', 'eu'] }),
    denied: by('by a key labelled `eu`', { labels: ['eu'] }),
  },
  agent: {
    conditions: { agent: 'claude*' },
    allowed: by('by a client that calls itself `claude-code`', { agent: 'claude-code' }),
    denied: by('by a client that gives no name', {}),
  },
  user: {
    conditions: { user: '*@corp.example' },
    allowed: by('for `ann@corp.example`', { user: 'ann@corp.example' }),
    denied: by('for nobody who is known', {}),
  },
  groups: {
    conditions: { groups: ['dba', 'ops'] },
    allowed: by('for a member of `ops`', { groups: ['ops'] }),
    denied: by('for a member of `sales`', { groups: ['sales'] }),
  },
  time: {
    conditions: { time: { days: 'mon-fri', hours: '09:00-18:00', timezone: 'Europe/Berlin' } },
    allowed: by('on a Monday at 17:59 in Berlin', { time: '2026-01-05T16:59:59Z' }),
    denied: by('on a Monday at 18:00 in Berlin', { time: '2026-01-05T17:00:00Z' }),
  },
}
