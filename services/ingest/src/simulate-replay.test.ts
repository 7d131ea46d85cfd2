import { beforeAll, describe, expect, test } from 'vitest'
import { prepareParsers } from '@mcpshield/facts/draw'
import type { AuditEvent } from '@mcpshield/contracts/audit'
import type { JsonObject } from '@mcpshield/policy/facts'
import { parsePolicy } from '@mcpshield/policy/parse'
import type { Policy } from '@mcpshield/policy/schema'
import { callsOfEveryKind, drafts, KEYS, largeCalls, type MadeCall } from '../test/simulate-calls.ts'
import { policyOf, recordsOf, VERSION, type InForce } from '../test/simulate-decisions.ts'
import { rowsOf } from './rows.ts'
import { outsidePolicy } from './simulate-outside.ts'
import { MOST_BYTES, type CallRow } from './simulate-queries.ts'
import { replayer, type Draft, type Replay, type Replayer } from './simulate-replay.ts'

const END_MS = Date.parse('2026-11-20T12:00:00.000Z')
const KNOWN_KEYS = new Map(KEYS.slice(0, 2).map(({ id, ...key }) => [id, key]))
const ALLOW_ALL = 'version: 1\nrules: [{ tool: "*", decision: allow }]\n'

beforeAll(prepareParsers)

const draftOf = (policy: Policy, more: Partial<Draft> = {}) =>
  replayer({
    policy,
    above: null,
    environment: 'prod',
    keys: KNOWN_KEYS,
    factsSections: [{ from_version: 1, to_version: VERSION, facts: null }],
    ...more,
  })

/** The row as ClickHouse gives it to a draft. */
function rowOf(event: AuditEvent, { readsArguments }: Pick<Replayer, 'readsArguments'>): CallRow {
  const sent = JSON.parse(JSON.stringify(event)) as AuditEvent
  const row = rowsOf([sent], { receivedMs: END_MS, untilMs: END_MS }).decisions[0]!
  const [facts_bytes, arguments_bytes] = [row.facts?.length ?? 0, row.arguments?.length ?? 0]
  return {
    ...row,
    facts_bytes,
    arguments_bytes,
    kept_facts: facts_bytes > MOST_BYTES.facts ? null : row.facts,
    kept_arguments: !readsArguments || arguments_bytes > MOST_BYTES.arguments ? null : row.arguments,
  }
}

/** Whether the record of a call says less than was known when it was decided. */
const saysLess = (event: AuditEvent) =>
  event.key_id === KEYS[2]!.id ||
  /\[redacted:|\ufffd|\\ud800|x{8000}/.test(JSON.stringify(event)) ||
  JSON.stringify(event.arguments).length > MOST_BYTES.arguments ||
  JSON.stringify(event.facts).length > MOST_BYTES.facts

/** What is wrong with a draft's replays of recorded calls, beside fresh decisions; and how many there are. */
async function compareWithFresh(calls: readonly MadeCall[], recorded: readonly AuditEvent[], yaml: string) {
  const found = { wrong: [] as string[], replayed: 0, unsure: 0 }
  const policy = policyOf(yaml)
  const draft = draftOf(policy)
  const fresh = await recordsOf(calls, { policy })
  for (const [at, event] of recorded.entries()) {
    const replay = draft.replay(rowOf(event, draft))
    const problem = problemOf(event, replay, fresh[at]!)
    if (problem !== undefined) {
      const call = JSON.stringify(calls[at]).slice(0, 300)
      found.wrong.push(`${yaml}${call}: ${JSON.stringify(replay)}, ${problem}`)
    }
    if (typeof replay === 'string') found.unsure++
    else found.replayed++
  }
  return found
}

function problemOf(
  event: AuditEvent,
  replay: Replay,
  { decision, rule, reason }: AuditEvent,
): string | undefined {
  if (typeof replay === 'string') return saysLess(event) ? undefined : 'but nothing of it is hidden'
  const same = replay.decision === decision && replay.rule === rule
  if (same && (saysLess(event) || replay.reason === reason)) return undefined
  return `but afresh it is ${decision} by ${rule}: ${reason}`
}

/** Every draft with every call takes a while: SIMULATE_SHARE=1. */
const SHARE = Number(process.env.SIMULATE_SHARE ?? 5)
const valid = drafts().filter((yaml) => parsePolicy(yaml).policy !== undefined)

describe('a replay', () => {
  test('decides calls of every kind as each is decided afresh from its original arguments, or not at all', async () => {
    const calls = callsOfEveryKind(END_MS)
    const recorded = await recordsOf(calls, { policy: policyOf(ALLOW_ALL) })
    const all: Awaited<ReturnType<typeof compareWithFresh>>[] = []
    for (const [at, yaml] of valid.entries()) {
      const chosen = (_: unknown, index: number) => (index + at) % SHARE === 0
      all.push(await compareWithFresh(calls.filter(chosen), recorded.filter(chosen), yaml))
    }
    expect(all.flatMap(({ wrong }) => wrong).slice(0, 5)).toEqual([])
    const sum = (name: 'replayed' | 'unsure') => all.reduce((total, each) => total + each[name], 0)
    expect(calls.length).toBeGreaterThan(300)
    expect(valid.length).toBeGreaterThan(130)
    // Many of these calls are made to be hidden in part.
    expect(sum('unsure')).toBeLessThan(sum('replayed') / 7)
  }, 60_000)

  test('does the same with calls that are recorded in part only', async () => {
    const calls = largeCalls(END_MS)
    const recorded = await recordsOf(calls, { policy: policyOf(ALLOW_ALL) })
    for (const yaml of valid.slice(-6))
      expect(await compareWithFresh(calls, recorded, yaml)).toMatchObject({ wrong: [] })
  }, 60_000)
})

const rules = (...lines: string[]) => `version: 1\nrules:\n${lines.map((line) => `  - ${line}\n`).join('')}`
const allowed = (rule = 'rule-1') => expect.objectContaining({ decision: 'allow', rule }) as Replay
const denied = (rule = 'default') => expect.objectContaining({ decision: 'deny', rule }) as Replay
const asked = (rule = 'rule-1') => expect.objectContaining({ decision: 'ask', rule }) as Replay

async function replayOne(yaml: string, call: Partial<MadeCall>, more: Partial<Draft> = {}): Promise<Replay> {
  const made: MadeCall = {
    method: 'tools/call',
    tool: 'github/create_issue',
    arguments: {},
    agent: 'claude',
    key: 0,
    time: new Date(END_MS),
    ...call,
  }
  const [event] = await recordsOf([made], { policy: policyOf(ALLOW_ALL) })
  const draft = draftOf(policyOf(yaml), more)
  return draft.replay(rowOf(event!, draft))
}

const read = (path: string) => ({ tool: 'filesystem.read', arguments: { path } })
const visit = (url: string) => ({ tool: 'network.request', arguments: { url } })
const query = (sql: string, connection = 'shop') => ({
  tool: 'postgres.query',
  arguments: { sql, connection },
})
const issue = (args: JsonObject) => ({ arguments: args })
const hiddenPath = read('/home/bob@example.com/notes')
const allowPaths = '{ tool: "*", decision: allow, conditions: { path_prefix: / } }'

describe('what the record hides', () => {
  test.for<[string, string, Partial<MadeCall>, Replay]>([
    [
      'a path where it is tested',
      rules('{ tool: "*", decision: allow, conditions: { path_prefix: /home } }'),
      hiddenPath,
      'redacted',
    ],
    [
      'a path where any of its kind decides the same',
      rules('{ tool: "*", decision: allow, conditions: { resources: ["*"] } }'),
      hiddenPath,
      denied(),
    ],
    ['a path where nothing tests it', rules('{ tool: "*", decision: allow }'), hiddenPath, allowed()],
    [
      'a path below a rule that decides without it',
      rules('{ tool: "filesystem.*", decision: deny }', allowPaths),
      hiddenPath,
      denied('rule-1'),
    ],
    [
      'a path above a rule that decides the same otherwise',
      rules(allowPaths, '{ tool: "*", decision: allow }'),
      hiddenPath,
      'redacted',
    ],
    [
      'a path under an ask that may mark the call',
      rules(
        '{ tool: "*", decision: ask, conditions: { path_prefix: /home/x } }',
        '{ tool: "*", decision: allow }',
      ),
      hiddenPath,
      'redacted',
    ],
    ['a path where the policy allows by default', 'version: 1\ndefault: allow\n', hiddenPath, 'redacted'],
    [
      'a part of a URL that is not its host',
      rules('{ tool: "*", decision: allow, conditions: { allowed_domains: ["api.example.com"] } }'),
      visit('https://api.example.com/bob@example.org'),
      allowed(),
    ],
    [
      'a host',
      rules('{ tool: "*", decision: allow, conditions: { allowed_domains: ["api.example.com"] } }'),
      visit('https://4111111111111111.example.com/'),
      'redacted',
    ],
    [
      'a value of a statement',
      rules('{ tool: "*", decision: allow, conditions: { resources: ["*.customers"] } }'),
      query("select name from customers where email = 'bob@example.com'"),
      allowed(),
    ],
    [
      'a table’s name',
      rules(
        '{ tool: "*", decision: deny, conditions: { resources: ["hr.*"] } }',
        '{ tool: "*", decision: allow }',
      ),
      query('select name from "bob@example.com"'),
      'redacted',
    ],
    [
      'a table’s name where the operation rules it out',
      rules(
        '{ tool: "*", decision: deny, conditions: { operations: [write], resources: ["hr.*"] } }',
        '{ tool: "*", decision: allow }',
      ),
      query('select name from "bob@example.com"'),
      allowed('rule-2'),
    ],
    [
      'a column’s name',
      rules(
        '{ tool: "*", decision: deny, conditions: { fields: ["ssn"] } }',
        '{ tool: "*", decision: allow }',
      ),
      query('select "bob@example.com" from customers'),
      'redacted',
    ],
    [
      'what the record cannot hold of a name',
      rules('{ tool: "*", decision: allow, conditions: { agent: "half \ufffd a pair" } }'),
      { agent: 'half \ud800 a pair' },
      'redacted',
    ],
    [
      'a column among others that decide',
      rules(
        '{ tool: "*", decision: deny, conditions: { fields: ["name"] } }',
        '{ tool: "*", decision: allow }',
      ),
      query('select name, "bob@example.com" from customers'),
      denied('rule-1'),
    ],
    [
      'an argument that is tested',
      rules('{ tool: "*", decision: allow, conditions: { parameters: { title: { maxLength: 5 } } } }'),
      issue({ title: 'To bob@example.com' }),
      'redacted',
    ],
    [
      'another argument',
      rules('{ tool: "*", decision: allow, conditions: { parameters: { title: { maxLength: 5 } } } }'),
      issue({ title: 'Hello', to: 'bob@example.com' }),
      allowed(),
    ],
    [
      'the type of an argument',
      rules('{ tool: "*", decision: allow, conditions: { parameters: { card: { type: string } } } }'),
      issue({ card: 4_111_111_111_111_111 }),
      'redacted',
    ],
    [
      'that an argument is an object',
      rules('{ tool: "*", decision: allow, conditions: { parameters: { "a.b": { required: false } } } }'),
      issue({ a: 'bob@example.com' }),
      'redacted',
    ],
    [
      'that an argument is there',
      rules('{ tool: "*", decision: allow, conditions: { parameters: { title: {} } } }'),
      issue({ title: 'bob@example.com' }),
      allowed(),
    ],
    [
      'an argument’s name',
      rules(
        '{ tool: "*", decision: allow, conditions: { parameters: { "bob@example.com": { required: false, const: 1 } } } }',
      ),
      issue({ 'bob@example.com': 1 }),
      'redacted',
    ],
    [
      'the end of a long text',
      rules('{ tool: "*", decision: allow, conditions: { parameters: { body: { maxLength: 8300 } } } }'),
      issue({ body: 'x'.repeat(9_000) }),
      'redacted',
    ],
    [
      'nothing of a text that is as long as may be',
      rules('{ tool: "*", decision: allow, conditions: { parameters: { body: { maxLength: 8300 } } } }'),
      issue({ body: 'x'.repeat(8_192) }),
      allowed(),
    ],
    [
      'what somebody wrote as if it were redacted',
      rules(
        '{ tool: "*", decision: allow, conditions: { parameters: { title: { const: "[redacted:email]" } } } }',
      ),
      issue({ title: '[redacted:email]' }),
      'redacted',
    ],
    [
      'the name of a tool',
      rules('{ tool: "github/*", decision: allow }'),
      { tool: 'github/4111111111111111' },
      'redacted',
    ],
    [
      'the agent’s name',
      rules(
        '{ tool: "*", decision: ask, conditions: { agent: "*example*" } }',
        '{ tool: "*", decision: allow }',
      ),
      { agent: 'bob@example.com' },
      'redacted',
    ],
    [
      'the agent’s name where nothing tests it',
      rules('{ tool: "*", decision: ask }'),
      { agent: 'bob@example.com' },
      asked(),
    ],
    [
      'the name of a key that is not known',
      rules('{ tool: "*", decision: allow, conditions: { key: forgotten } }'),
      { key: 2 },
      'key_unknown',
    ],
    [
      'the labels of a key that is not known',
      rules(
        '{ tool: "*", decision: deny, conditions: { labels: team-b } }',
        '{ tool: "*", decision: allow }',
      ),
      { key: 2 },
      'key_unknown',
    ],
    ['a key that nothing tests', rules('{ tool: "*", decision: allow }'), { key: 2 }, allowed()],
    [
      'a secret where a rule denies those that carry one',
      rules('{ tool: "*", decision: allow, redact: [{ detector: email, on: arguments, deny: true }] }'),
      issue({ title: 'bob@example.com' }),
      'redacted',
    ],
    [
      'no secret where there is none',
      rules('{ tool: "*", decision: allow, redact: [{ detector: email, on: arguments, deny: true }] }'),
      issue({ title: 'Hello' }),
      allowed(),
    ],
    [
      'more of an argument than is read',
      rules('{ tool: "*", decision: allow, conditions: { parameters: { title: {} } } }'),
      issue({ title: 'Hello', words: Array.from({ length: 9_000 }, () => 'a few words') }),
      'redacted',
    ],
    [
      'more of an argument than is read, where no argument counts',
      rules('{ tool: "*", decision: allow }'),
      issue({ words: Array.from({ length: 9_000 }, () => 'a few words') }),
      allowed(),
    ],
    [
      'facts that are too many',
      rules('{ tool: "*", decision: allow }'),
      {
        tool: 'files/read_multiple_files',
        arguments: { paths: Array.from({ length: 9_000 }, (_, at) => `/home/${at}/and/some/more/folders`) },
      },
      'too_large',
    ],
  ])('%s', async ([, yaml, call, replay]) => {
    expect(await replayOne(yaml, call)).toEqual(replay)
  })

  test('what was unknown when the call was decided is unknown again, and is no reason not to decide', async () => {
    const unread = query('this is no statement')
    const deny = rules(
      '{ tool: "*", decision: deny, conditions: { resources: ["hr.*"] } }',
      '{ tool: "*", decision: allow }',
    )
    expect(await replayOne(deny, unread)).toEqual(denied('rule-1'))
    expect(await replayOne('version: 1\ndefault: allow\n', unread)).toEqual(denied())
    const tooMany = issue({ title: 'Hello', list: Array.from({ length: 10_001 }, () => 0) })
    const byTitle = rules(
      '{ tool: "*", decision: allow, conditions: { parameters: { title: { const: Hello } } } }',
    )
    expect(await replayOne(byTitle, tooMany)).toEqual(denied())
  })
})

describe('a draft', () => {
  const all = rules('{ id: all, tool: "*", decision: allow }')
  const above = policyOf(rules('{ id: never, tool: "github/*", decision: deny }'), true)

  test('stands below the organisation’s policy', async () => {
    expect(await replayOne(all, {}, { above })).toEqual(denied('organization/never'))
    expect(await replayOne(all, read('/a'), { above })).toEqual(allowed('all'))
  })

  test('decides in the project’s environment, at the call’s own time and for the call’s own agent and key', async () => {
    const when = (conditions: string) =>
      rules(`{ tool: "*", decision: allow, conditions: { ${conditions} } }`)
    expect(await replayOne(when('environment: prod'), {})).toEqual(allowed())
    expect(await replayOne(when('environment: prod'), {}, { environment: 'dev' })).toEqual(denied())
    const night = { time: new Date('2026-11-19T23:30:00Z') }
    expect(await replayOne(when('time: { hours: "09:00-18:00" }'), night)).toEqual(denied())
    expect(await replayOne(when('time: { hours: "22:00-24:00" }'), night)).toEqual(allowed())
    expect(await replayOne(when('agent: claude'), { agent: 'claude' })).toEqual(allowed())
    expect(await replayOne(when('agent: claude'), { agent: null })).toEqual(denied())
    expect(await replayOne(when('key: reporter, labels: ci'), { key: 0 })).toEqual(allowed())
    expect(await replayOne(when('key: reporter'), { key: 1 })).toEqual(denied())
    expect(await replayOne(when('user: "*"'), {})).toEqual(denied())
  })

  test('that declares other facts for a tool than the policy of then does not decide its calls, and no others', async () => {
    const declares = (glob: string, argument: string) =>
      `version: 1\nfacts: { "${glob}": { paths: [${argument}] } }\nrules:\n  - { id: all, tool: "*", decision: allow }\n`
    const section = (facts: unknown, to_version = VERSION) => ({
      factsSections: [{ from_version: VERSION, to_version, facts }],
    })
    const { facts } = policyOf(declares('github/*', 'file'))
    expect(await replayOne(declares('github/*', 'file'), {})).toBe('facts_declared_otherwise')
    expect(await replayOne(declares('gitlab/*', 'file'), {})).toEqual(allowed('all'))
    expect(await replayOne(all, {}, section(facts))).toBe('facts_declared_otherwise')
    expect(await replayOne(declares('github/*', 'folder'), {}, section(facts))).toBe(
      'facts_declared_otherwise',
    )
    expect(await replayOne(declares('github/create_issue', 'file'), {}, section(facts))).toEqual(
      allowed('all'),
    )
    const both = ['"github/*": { paths: [file] }', '"*": { urls: [link] }']
    const inOrder = (globs: string[]) =>
      `version: 1\nfacts: { ${globs.join(', ')} }\nrules: [{ id: all, tool: "*", decision: allow }]\n`
    const reversed = section(policyOf(inOrder(both.toReversed())).facts)
    expect(await replayOne(inOrder(both), {}, reversed)).toEqual(allowed('all'))
    expect(await replayOne(all, {}, { factsSections: [] })).toBe('facts_declared_otherwise')
  })
})

describe('a denial that no policy made', () => {
  const limited = policyOf(
    rules('{ id: few, tool: "*", decision: allow, limits: { rate_limit: { calls: 1, per: 1m } } }'),
  )
  const policy = policyOf(ALLOW_ALL)
  const [call] = callsOfEveryKind(END_MS)

  test.for<[string, InForce]>([
    ['killed', { policy, snapshot: { killed: true } }],
    ['killed', { policy, snapshot: { organization_killed: true } }],
    ['killed', { policy, killed: true }],
    ['revoked', { policy, expires_at: '2020-01-01T00:00:00Z' }],
    ['quarantined', { policy, quarantined: 'The definition of x changed since it was approved: see.' }],
    ['quarantined', { policy, quarantined: 'The definition of x could not be recorded yet; try again.' }],
    ['no_policy', { policy, snapshot: 'none' }],
    ['policy_unavailable', { policy, current: false }],
    ['key_upstreams', { policy, upstreams: ['elsewhere'] }],
    [
      'rate_limited',
      { policy: limited, take: () => Promise.resolve({ taken: false, exceeded: 0, retryAfterMs: 9 }) },
    ],
    ['limit_unavailable', { policy: limited, take: () => Promise.reject(new Error('gone')) }],
  ])('is known as %s', async ([name, inForce]) => {
    const [event] = await recordsOf([call!], inForce)
    const row = rowOf(event!, { readsArguments: false })
    expect(row.decision).toBe('deny')
    expect(outsidePolicy(row)).toBe(name)
    expect(draftOf(policy).replay(row)).toEqual(inForce.snapshot === 'none' ? 'no_facts' : allowed())
  })

  test('is known as malformed where a message was refused unread', async () => {
    const [event] = await recordsOf([call!], { policy, snapshot: { killed: true } })
    const refused = { method: '', tool: '', rule: 'malformed', reason: 'The body is no JSON.' }
    const row = rowOf({ ...event!, ...refused }, { readsArguments: false })
    expect(outsidePolicy(row)).toBe('malformed')
    expect(outsidePolicy({ ...row, method: 'tools/call' })).toBeUndefined()
  })

  test.for(['killed', 'revoked', 'quarantined', 'malformed', 'key_upstreams'])(
    'is not taken for one of a rule that is called %s, too',
    async (id) => {
      const policyOfThatRule = policyOf(rules(`{ id: ${id}, tool: "*", decision: deny }`))
      const [event] = await recordsOf([call!], { policy: policyOfThatRule })
      expect(event).toMatchObject({ decision: 'deny', rule: id })
      expect(outsidePolicy(rowOf(event!, { readsArguments: false }))).toBeUndefined()
    },
  )
})
