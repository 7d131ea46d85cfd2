// Calls of every kind, as agents make them, and what a project needs to decide them: material for simulations.
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Systems } from '@mcpshield/pdp/draw-options'

export type MadeCall = {
  method: string
  tool: string
  arguments: JsonObject
  agent: string | null
  /** Into KEYS. */
  key: number
  time: Date
}

export const KEYS = [
  { id: '44444444-4444-4444-8444-444444444444', name: 'reporter', labels: ['ci', 'team-a'] },
  { id: '55555555-5555-4555-8555-555555555555', name: 'deployer', labels: [] },
  { id: '66666666-6666-4666-8666-666666666666', name: 'forgotten', labels: ['team-b'] },
]

export const SYSTEMS: Systems = {
  connections: [
    { name: 'warehouse', kind: 'postgresql', search_path: ['public'] },
    { name: 'shop', kind: 'postgresql', search_path: ['shop', 'public'] },
    { name: 'cache', kind: 'sqlite' },
    { name: 'disk', kind: 'files', root: '/srv/data' },
  ],
  upstreams: [
    { slug: 'files', server: 'server-filesystem', root: null },
    { slug: 'web', server: 'server-fetch', root: null },
  ],
}

// Taken apart, so that nobody takes them for real ones.
const TOKEN = ['ghp', 'x7Kq2mW9vB4nT1sL8cR5yH3jD6fG0pZa2eUi'].join('_')
const CARD = ['4111', '1111', '1111', '1111'].join('')
const MAIL = 'bob.miller@example.com'
const LONG = 'x'.repeat(9_000)

const statements = [
  'select id, total from analytics.orders',
  'select * from hr.salaries',
  'select count(*) from public.customers',
  `select name from customers where email = '${MAIL}'`,
  `select name from "${MAIL}"`,
  `update analytics.orders set total = 0 where card = '${CARD}'`,
  'delete from hr.salaries; select 1',
  'select lower(name), password_hash from public.users join analytics.orders on true',
  'select pg_sleep(10)',
  'drop table analytics.orders',
  'insert into analytics.orders select * from hr.salaries returning id',
  'select 1',
  'select id, email from public.customers where id = 7; select total from analytics.orders',
  'with t as (select * from hr.salaries) select count(*) from t',
  'create table analytics.copy as select * from public.customers',
  'this is no statement',
  ';',
]

const paths = [
  '/home/safe/a.txt',
  '/home/safe/../other/b.txt',
  '/home/safe-evil/c.txt',
  '/etc/passwd',
  '/srv/data/report.csv',
  '/',
  './here.txt',
  `/home/${MAIL}/notes.txt`,
  'relative/d.txt',
  '~/e.txt',
  'file:///home/safe/f%20g.txt',
  '/nul\u0000byte',
]

const PATH_TOOLS = [
  'filesystem.read',
  'filesystem.write',
  'filesystem.list',
  'files/read_file',
  'files/write_file',
  'notes/open',
]

const urls = [
  'https://api.example.com/v1/things',
  'https://deep.internal.example:8443/',
  'http://169.254.169.254/latest/meta-data',
  `https://api.example.com/people/${MAIL}`,
  `https://${CARD}.example.com/`,
  `https://user:${TOKEN}@api.example.com/`,
  'ftp://api.example.com/x',
  'not a url',
]

const others: [string, JsonObject][] = [
  ['github/create_issue', { title: 'Hello', labels: ['bug', 'urgent'], number: 7 }],
  ['github/create_issue', { title: `Mail ${MAIL}`, labels: ['bug', MAIL], number: 7 }],
  ['github/create_issue', { title: TOKEN, number: 4_111_111_111_111_111 }],
  ['github/create_issue', { title: 5, labels: [], number: 'seven' }],
  ['github/create_issue', { title: null, labels: [{ name: 'bug' }], number: 1e300 }],
  ['github/create_issue', { [MAIL]: true, title: 'Hello' }],
  ['github/create_issue', { unknown: 'a word' }],
  ['github/create_issue', { unknown: MAIL }],
  ['github/create_issue', { title: '[redacted:email]' }],
  ['github/create_issue', { settings: { password: 'h7Gq!pW2z-Tr9', user: 'bob' } }],
  ['github/create_issue', { settings: { user: 'bob', deep: [[{ path: '/home/safe/x' }]] } }],
  ['github/nothing', {}],
  [`github/${CARD}`, { title: 'Hello' }],
  ['bad name', { title: 'Hello' }],
  ['mail/send', { to: MAIL, phone: '+1 415 555 2671', body: 'See https://api.example.com/a' }],
  ['db/run_sql', { statement: 'select * from hr.salaries' }],
  ['db/run_sql', { statement: `select * from t where a = '${MAIL}'` }],
]

const named: [string, string][] = [
  ['resources/read', 'files/file:///home/safe/a.txt'],
  ['resources/read', `web/https://api.example.com/${MAIL}`],
  ['resources/read', 'web/\ud800'],
  ['prompts/get', 'github/review'],
]

/** Recorded in part only, or with facts that were too many to draw: they take long to record. */
const large: [string, JsonObject][] = [
  ['postgres.query', { sql: `select '${LONG}' from hr.salaries`, connection: 'shop' }],
  ['filesystem.read', { path: `/home/safe/${LONG}` }],
  ['github/create_issue', { title: LONG }],
  ['github/many', { title: 'many', list: Array.from({ length: 10_001 }, (_, at) => at) }],
  ['github/create_issue', { title: 'Hello', body: 'word '.repeat(15_000) }],
  [
    'files/read_multiple_files',
    { paths: Array.from({ length: 9_000 }, (_, at) => `/home/safe/${at}/${'y'.repeat(30)}`) },
  ],
]

const agents = ['claude', `agent of ${MAIL}`, null, 'half \ud800 a pair']

type Bare = Pick<MadeCall, 'method' | 'tool' | 'arguments'>

/** Calls in the order in which they are made, of the last days. */
export function callsOfEveryKind(endMs: number): MadeCall[] {
  const made: Bare[] = []
  const call = (tool: string, args: JsonObject) => made.push({ method: 'tools/call', tool, arguments: args })
  for (const sql of statements) {
    for (const connection of ['warehouse', 'shop', 'nowhere', 3, null])
      call('postgres.query', { sql, connection })
    for (const tool of ['sqlite.query', 'mysql.query', 'db/run_sql', 'other/query']) call(tool, { sql })
  }
  for (const path of paths) {
    for (const tool of PATH_TOOLS) call(tool, { path })
    call('files/move_file', { source: path, destination: '/home/safe/b' })
  }
  for (const url of urls) {
    for (const tool of ['network.request', 'web/fetch', 'crawler/visit', 'hooks/post_url'])
      call(tool, { url, method: 'GET' })
    call('crawler/visit', { url, path: '/home/safe/cache' })
  }
  for (const verb of ['find', 'insert', 'aggregate'])
    call(`mongodb.${verb}`, { collection: 'people', filter: { email: MAIL } })
  call('redis.command', { command: ['GET', `session:${CARD}`] })
  for (const [tool, args] of others) call(tool, args)
  for (const [method, tool] of named) made.push({ method, tool, arguments: {} })
  return made.map((each, at) => withCaller(each, at, endMs - (made.length - at) * 1_803_000))
}

/** Few, since each takes long to record. */
export function largeCalls(endMs: number): MadeCall[] {
  return large.map(([tool, args], at) =>
    withCaller({ method: 'tools/call', tool, arguments: args }, at + 1, endMs - at * 1_000),
  )
}

function withCaller(call: Bare, at: number, timeMs: number): MadeCall {
  return {
    ...call,
    agent: agents[at % agents.length] ?? null,
    key: at % 7 === 0 ? 2 : at % 2,
    time: new Date(timeMs),
  }
}

const allow = (conditions: string, more = '') =>
  `{ tool: "*", decision: allow, conditions: { ${conditions} }${more} }`
const deny = (conditions: string) => `{ tool: "*", decision: deny, conditions: { ${conditions} } }`
const ask = (conditions: string) => `{ tool: "*", decision: ask, conditions: { ${conditions} } }`

const conditions = [
  'path_prefix: /home/safe',
  'path_prefix: [/, /srv]',
  'path_prefix: /home/bob.miller@example.com',
  'allowed_domains: ["api.example.com"]',
  'allowed_domains: ["*"]',
  'blocked_domains: ["*.example.com"]',
  'resources: ["analytics.*", "public.*"]',
  'resources: ["*"]',
  'resources: ["hr.*"]',
  'resources: ["*miller*"]',
  'operations: [read], resources: ["*"]',
  'operations: [write, schema]',
  'connection: "ware*"',
  'fields: ["*.password_hash"]',
  'functions: ["lower", "count"]',
  'parameters: { title: { type: string, maxLength: 20 } }',
  'parameters: { title: { type: [object, array, "null"] } }',
  'parameters: { labels: { type: array, items: { pattern: "[a-z]+" } } }',
  'parameters: { "settings.user": { const: bob, required: false } }',
  'parameters: { "settings.password": { required: false, minLength: 100 } }',
  'parameters: { "bob.miller@example.com": { required: false, const: 1 } }',
  'parameters: { number: { minimum: 5 } }',
  'parameters: { title: {} }',
  'parameters: { sql: { pattern: ".*email.*" } }',
  'agent: "claude*"',
  'key: reporter',
  'labels: ["team-?"]',
  'environment: prod',
  'user: alice',
  'groups: [admins]',
  'time: { days: mon-fri, hours: "09:00-18:00", timezone: Europe/Berlin }',
]

const header = (rules: string[], fallback = 'deny') =>
  `version: 1\ndefault: ${fallback}\nrules:${rules.length === 0 ? ' []' : ''}\n${rules.map((rule) => `  - ${rule}\n`).join('')}`

/** Drafts with every condition in every kind of rule, and mixtures of them; some are no valid policies. */
export function drafts(): string[] {
  const single = conditions.flatMap((each) => [
    header([allow(each)]),
    header([deny(each), '{ tool: "*", decision: allow }']),
    header([ask(each), '{ tool: "*", decision: allow }']),
  ])
  const mixed = Array.from({ length: 40 }, (_, seed) => mixture(seed + 1))
  const special = [
    header([]),
    header([], 'allow'),
    header([deny('resources: ["hr.*"]')], 'allow'),
    header([deny('path_prefix: /etc')], 'allow'),
    header([ask('agent: "*example*"')], 'allow'),
    header([
      '{ tool: "*", decision: allow, redact: [{ detector: github_token, on: arguments, deny: true }] }',
    ]),
    header(
      ['{ tool: "*", decision: allow, redact: [{ detector: email, on: arguments, deny: true }] }'],
      'allow',
    ),
    header(['{ tool: "*", decision: allow, limits: { rate_limit: { calls: 1, per: 1h } } }']),
    header(['{ tool: "*", method: "*", decision: allow }']),
    header(['{ tool: "github/*", decision: allow }', '{ tool: ["files/*", web/fetch], decision: ask }']),
  ]
  return [...single, ...mixed, ...special]
}

/** A draft of a few rules, the same for the same seed. */
function mixture(seed: number): string {
  let state = seed * 2_654_435_761
  const below = (limit: number) => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 0x9e3779b9) | 0
    return (state >>> 0) % limit
  }
  const any = <T>(list: readonly T[]) => list[below(list.length)] as T
  const rules = Array.from({ length: 2 + below(7) }, () => {
    const rule = any([allow, allow, deny, ask])
    const [one, other] = [any(conditions), any(conditions)]
    const name = (text: string) => text.split(':')[0]
    return below(2) === 0 ||
      name(one) === name(other) ||
      one.startsWith('operations') ||
      other.startsWith('operations')
      ? rule(one)
      : rule(`${one}, ${other}`)
  })
  return header(rules, below(4) === 0 ? 'allow' : 'deny')
}
