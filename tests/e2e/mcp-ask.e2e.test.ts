// Calls that wait for a person: who may say the word, on what, how often and for how long; at the client and away from
// it, across restarts.
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { startFixture, type Fixture } from '../mcp/fixture-server.ts'
import { createMember, send, type Person } from './people.ts'
import { openSpeaker, type Heard, type Json, type SendOptions, type Speaker } from './mcp-wire.ts'
import { decisionIn, startWorld, type World, type WorldProject } from './mcp-world.ts'

const QUESTION = 'io.mcpshield/approval'
const FORM = { elicitation: { form: {} } }
const LINK = { elicitation: { url: {} } }
const HELD = '{ id: held, method: "*", tool: "rec/*", decision: ask, timeout: 2m }'
const SOON = { timeout: 15_000, interval: 10 }

let world: World
let project: WorldProject
let fixture: Fixture
let editor: Person
let viewer: Person
let marks = 0
let mark: string

beforeAll(async () => {
  fixture = await startFixture()
  world = await startWorld(22_040)
  project = await world.project('ask')
  await project.addUpstream('rec', { url: fixture.url })
  editor = await createMember(world.stack, world.http, world.owner, 'editor')
  viewer = await createMember(world.stack, world.http, world.owner, 'viewer')
  await project.policy(HELD)
})
afterAll(async () => {
  await world?.[Symbol.asyncDispose]()
  await fixture?.[Symbol.asyncDispose]()
})
beforeEach(() => {
  mark = `call-${'abcdefghijklmnopqrstuvwxyz'[marks++ % 26]}${'x'.repeat(Math.floor(marks / 26))}`
  fixture.forget()
})

type Approval = { id: string; state: string; arguments: Json; decided_by: string | null; decision_id: string }

const speakerOf = (
  era: 'legacy' | 'modern',
  capabilities: Json = {},
  withSession = false,
): Promise<Speaker> =>
  openSpeaker({ url: project.url('rec'), key: project.key.secret, era, capabilities, withSession })
const call = (speaker: Speaker, text = mark, options: SendOptions & { params?: Json } = {}) =>
  speaker.send('tools/call', { name: 'safe_echo', arguments: { text }, ...options.params }, options)
const ran = (text = mark) => fixture.calls().filter(({ body }) => body.includes(text)).length
const textIn = ({ result }: Heard) => (result?.['content'] as { text: string }[] | undefined)?.[0]?.text ?? ''
const approvals = async (state?: string) =>
  (
    await project.send<{ items: Approval[] }>(
      'GET',
      `/approvals?limit=200${state === undefined ? '' : `&state=${state}`}`,
    )
  ).items.filter((each) => JSON.stringify(each.arguments).includes(mark))

/** The call of this test that waits for a person. */
const pending = () =>
  vi.waitFor(async () => {
    const [waiting] = await approvals('pending')
    expect(waiting).toBeDefined()
    return waiting as Approval
  }, SOON)
const decide = (by: Person, id: string, word: 'approve' | 'refuse', body: Json = {}) =>
  send<Approval>(world.http, by.token, 'POST', `${project.at}/approvals/${id}/${word}`, body)

/** The question of an input-required result, and the retry that answers it. */
async function answerQuestion(speaker: Speaker, heard: Heard, action: string, text = mark): Promise<Heard> {
  const { requestState } = heard.result as { requestState?: string }
  const inputResponses = { [QUESTION]: { action, ...(action === 'accept' ? { content: {} } : {}) } }
  return call(speaker, text, { params: { inputResponses, ...(requestState && { requestState }) } })
}
const questionIn = (heard: Heard) =>
  (heard.result?.['inputRequests'] as Record<string, { method: string; params: Json }> | undefined)?.[
    QUESTION
  ]

describe('the person at a legacy client', () => {
  test('sees the exact call, and accepting lets it run once', async () => {
    const speaker = await speakerOf('legacy', FORM, true)
    const asked: Json[] = []
    const heard = await call(speaker, mark, {
      answer: ({ params = {} }) => {
        asked.push(params)
        expect(ran()).toBe(0)
        return { result: { action: 'accept', content: {} } }
      },
    })
    expect(textIn(heard)).toBe(mark)
    expect(asked).toHaveLength(1)
    expect(asked[0]?.['message']).toContain(`"text": "${mark}"`)
    expect(asked[0]?.['message']).toContain('rec/safe_echo')
    expect(ran()).toBe(1)
    expect(await approvals('used')).toHaveLength(1)
  })

  test('declines, and the call never runs', async () => {
    const speaker = await speakerOf('legacy', FORM, true)
    const heard = await call(speaker, mark, { answer: () => ({ result: { action: 'decline' } }) })
    expect(heard.result?.['isError']).toBe(true)
    expect(decisionIn(heard)).toMatchObject({ decision: 'ask', rule: 'held' })
    expect(textIn(heard)).toContain('refused')
    expect(ran()).toBe(0)
  })

  test('cancels, and the call waits for somebody else', async () => {
    const speaker = await speakerOf('legacy', FORM, true)
    const asked = Promise.withResolvers<void>()
    const answered = call(speaker, mark, {
      answer: () => {
        asked.resolve()
        return { result: { action: 'cancel' } }
      },
    })
    const { id } = await pending()
    await asked.promise
    // A word that were taken would be taken by now: it came before this refusal.
    await decide(editor, id, 'refuse')
    expect(decisionIn(await answered)?.decision).toBe('ask')
    expect(ran()).toBe(0)
  })

  test('cannot approve by following a link: that takes somebody who is signed in', async () => {
    const speaker = await speakerOf('legacy', LINK, true)
    const asked: Json[] = []
    const answered = call(speaker, mark, {
      answer: ({ params = {} }) => {
        asked.push(params)
        return { result: { action: 'accept' } }
      },
    })
    const { id } = await pending()
    await vi.waitFor(() => expect(asked).toHaveLength(1), SOON)
    expect(asked[0]).toMatchObject({ mode: 'url', url: expect.stringContaining(id) })
    // A word that were taken would be taken by now: it came before this refusal.
    await decide(editor, id, 'refuse')
    expect(decisionIn(await answered)?.decision).toBe('ask')
    expect(ran()).toBe(0)
  })

  test('is not asked where the project takes no word at the client', async () => {
    // Whatever becomes of this one: the others are asked at the client.
    onTestFinished(async () => void (await project.send('PATCH', '', { approve_in_client: true })))
    await project.send('PATCH', '', { approve_in_client: false })
    const speaker = await speakerOf('legacy', { elicitation: { form: {}, url: {} } }, true)
    let turn = 0
    await vi.waitFor(async () => {
      // In force within a second; what is asked until then is refused.
      const asked = Promise.withResolvers<unknown>()
      const answered = call(speaker, `${mark}${turn++}`, {
        answer: ({ params }) => {
          asked.resolve(params?.['mode'])
          return { result: { action: params?.['mode'] === 'url' ? 'accept' : 'decline' } }
        },
      })
      void answered.catch(() => undefined)
      const mode = await asked.promise
      if (mode === 'url') await decide(editor, (await pending()).id, 'refuse')
      await answered
      expect(mode).toBe('url')
    }, SOON)
    expect(ran()).toBe(0)
    await project.send('PATCH', '', { approve_in_client: true })
    const modern = await speakerOf('modern', FORM)
    let tries = 0
    await vi.waitFor(async () => {
      // What is asked before the change is known here waits for somebody else.
      const heard = await Promise.race([call(modern, `form again ${tries++}`), setTimeout(1000)])
      expect(heard && questionIn(heard)).toBeDefined()
    }, SOON)
  })
})

describe('the person at a modern client', () => {
  let speaker: Speaker
  beforeAll(async () => {
    speaker = await speakerOf('modern', FORM)
  })

  test('is asked by an input-required result, and accepting lets the call run once', async () => {
    const heard = await call(speaker)
    expect(heard.result?.['resultType']).toBe('input_required')
    expect(questionIn(heard)?.params['message']).toContain(`"text": "${mark}"`)
    expect(ran()).toBe(0)
    const done = await answerQuestion(speaker, heard, 'accept')
    expect(textIn(done)).toBe(mark)
    expect(ran()).toBe(1)
    // Our question's answer is nothing that the server asked for.
    expect(JSON.stringify(fixture.calls())).not.toContain(QUESTION)
  })

  test('says the word once: the same retry again runs nothing', async () => {
    const heard = await call(speaker)
    await answerQuestion(speaker, heard, 'accept')
    const again = await answerQuestion(speaker, heard, 'accept')
    expect(again.error?.code).toBe(-32_602)
    expect(ran()).toBe(1)
  })

  test('must have been asked: a word that comes along with the first request is none', async () => {
    const inputResponses = { [QUESTION]: { action: 'accept', content: {} } }
    const heard = await call(speaker, mark, { params: { inputResponses } })
    expect(questionIn(heard)).toBeDefined()
    expect(ran()).toBe(0)
    const others = await call(speaker, `${mark}-other`)
    const { requestState } = others.result as { requestState: string }
    const borrowed = await call(speaker, mark, { params: { inputResponses, requestState } })
    expect(borrowed.error?.code).toBe(-32_602)
    expect(ran(`"text":"${mark}"`)).toBe(0)
  })

  test.for(['decline', 'cancel'])('does not approve: %s', async (action) => {
    const done = await answerQuestion(speaker, await call(speaker), action)
    expect(done.result?.['isError']).toBe(true)
    expect(decisionIn(done)).toMatchObject({ decision: 'ask', rule: 'held' })
    expect(ran()).toBe(0)
  })

  test('approves exactly what was shown: another argument is asked about anew', async () => {
    const heard = await call(speaker)
    const other = await answerQuestion(speaker, heard, 'accept', `${mark}-changed`)
    expect(other.error?.code).toBe(-32_602)
    expect(ran()).toBe(0)
    expect(textIn(await answerQuestion(speaker, heard, 'accept'))).toBe(mark)
  })

  test('is not shown half a call: what is too long to be shown is not approved there', async () => {
    const both = await speakerOf('modern', { elicitation: { form: {}, url: {} } })
    const long = `${mark} ${'long '.repeat(2_000)}`
    const heard = await call(both, long)
    expect(questionIn(heard)?.params['mode']).toBe('url')
    const { id } = await pending()
    const answered = answerQuestion(both, heard, 'accept', long)
    await decide(editor, id, 'refuse')
    // Refused, or asked anew where the refusal came before the answer did: in no case run.
    const last = await answered
    expect(decisionIn(last)?.decision ?? questionIn(last)?.params['mode']).toMatch(/^(ask|url)$/)
    expect(ran()).toBe(0)
  })

  test('prompts and resources are held alike', async () => {
    const uri = `test://template/${mark}/data`
    const heard = await speaker.send('resources/read', { uri })
    expect(questionIn(heard)?.params['message']).toContain(uri)
    const { requestState } = heard.result as { requestState: string }
    const retry = (action: string) => ({
      uri,
      requestState,
      inputResponses: { [QUESTION]: { action, content: {} } },
    })
    expect((await speaker.send('resources/read', retry('accept'))).result?.['contents']).toHaveLength(1)
    const prompt = { name: 'test_prompt_with_arguments', arguments: { arg1: mark, arg2: 'b' } }
    const asked = await speaker.send('prompts/get', prompt)
    const state = (asked.result as { requestState: string }).requestState
    const declined = { ...prompt, requestState: state, inputResponses: { [QUESTION]: { action: 'decline' } } }
    expect((await speaker.send('prompts/get', declined)).error?.code).toBe(-31_403)
  })
})

describe('a client that cannot be asked', () => {
  test.for(['legacy', 'modern'] as const)('waits until a person approves (%s)', async (era) => {
    const answered = call(await speakerOf(era))
    const waiting = await pending()
    expect(ran()).toBe(0)
    await decide(editor, waiting.id, 'approve', { note: 'go on' })
    expect(textIn(await answered)).toBe(mark)
    expect(ran()).toBe(1)
    const records = await vi.waitFor(
      async () => {
        const found = await project.audits((audit) => JSON.stringify(audit.arguments).includes(mark))
        expect(found).toHaveLength(2)
        return found
      },
      { timeout: 20_000, interval: 200 },
    )
    expect(records.map(({ decision }) => decision)).toEqual(['ask', 'allow'])
    expect(records[0]?.id).toBe(waiting.decision_id)
    expect(records[1]?.approved_by).toBe(editor.user_id)
  })

  test('is told what the person who refused said', async () => {
    const answered = call(await speakerOf('legacy'))
    await decide(editor, (await pending()).id, 'refuse', { note: 'not on a Friday' })
    expect(textIn(await answered)).toContain('not on a Friday')
    expect(ran()).toBe(0)
  })

  test('is refused when nobody answers in time', async () => {
    await project.policy('{ id: held, tool: "rec/*", decision: ask, timeout: 1s }')
    const heard = await call(await speakerOf('legacy'))
    expect(textIn(heard)).toContain('in time')
    expect(decisionIn(heard)).toMatchObject({ decision: 'ask', rule: 'held' })
    expect(await approvals('expired')).toHaveLength(1)
    const [{ id } = { id: '' }] = await approvals('expired')
    await expect(decide(editor, id, 'approve')).rejects.toThrow(/410/)
    expect(ran()).toBe(0)
    await project.policy(HELD)
  })
})

describe('an approval', () => {
  /** Holds a call whose client then goes away, and approves it. */
  async function approved(text = mark): Promise<string> {
    const gone = new AbortController()
    const speaker = await speakerOf('legacy')
    const lost = call(speaker, text, { signal: gone.signal }).catch(() => undefined)
    const { id } = await pending()
    gone.abort()
    await lost
    await decide(editor, id, 'approve')
    return id
  }

  test('is for one call: the second of the same asks again', async () => {
    await approved()
    const speaker = await speakerOf('legacy')
    expect(textIn(await call(speaker))).toBe(mark)
    expect(ran()).toBe(1)
    const second = call(speaker)
    await decide(editor, (await pending()).id, 'refuse')
    expect(decisionIn(await second)?.decision).toBe('ask')
    expect(ran()).toBe(1)
  })

  test('lets one of two run that come at once', async () => {
    const speaker = await speakerOf('legacy')
    const both = [call(speaker), call(speaker)]
    const { id } = await pending()
    // Both wait for the same word.
    await vi.waitFor(
      async () => {
        const asks = await project.audits((audit) => JSON.stringify(audit.arguments).includes(mark))
        expect(asks).toHaveLength(2)
      },
      { timeout: 20_000, interval: 100 },
    )
    await decide(editor, id, 'approve')
    const heard = await Promise.all(both)
    expect(heard.filter((each) => textIn(each) === mark)).toHaveLength(1)
    expect(heard.filter((each) => each.result?.['isError'] === true)).toHaveLength(1)
    expect(ran()).toBe(1)
  })

  test('is for exactly one call: another argument, another tool and another key ask', async () => {
    await approved()
    const speaker = await speakerOf('legacy')
    const other = await project.addKey({ name: 'other' })
    const stranger = await openSpeaker({ url: project.url('rec'), key: other.secret, era: 'legacy' })
    const attempts: [Speaker, string, Json][] = [
      [speaker, 'tools/call', { name: 'safe_echo', arguments: { text: mark, more: 1 } }],
      [speaker, 'tools/call', { name: 'echo', arguments: { text: mark } }],
      [stranger, 'tools/call', { name: 'safe_echo', arguments: { text: mark } }],
    ]
    for (const [by, method, params] of attempts) {
      const answered = by.send(method, params)
      await decide(editor, (await pending()).id, 'refuse')
      expect(decisionIn(await answered)?.decision).toBe('ask')
      expect(ran()).toBe(0)
    }
    // The one that was approved is approved still.
    expect(textIn(await call(speaker))).toBe(mark)
  })

  test('does not outlive the policy that asked for it', async () => {
    await approved()
    await project.policy(HELD, '{ id: more, tool: "other/*", decision: allow }')
    const answered = call(await speakerOf('legacy'))
    await decide(editor, (await pending()).id, 'refuse')
    expect(decisionIn(await answered)?.decision).toBe('ask')
    expect(ran()).toBe(0)
    await project.policy(HELD)
  })

  test('lifts no denial: what is denied meanwhile stays denied', async () => {
    const answered = call(await speakerOf('legacy'))
    const { id } = await pending()
    await project.policy('{ id: never, tool: "rec/*", decision: deny }')
    await decide(editor, id, 'approve')
    expect(decisionIn(await answered)).toMatchObject({ decision: 'deny', rule: 'never' })
    expect(ran()).toBe(0)
    await project.policy(HELD)
  })

  test('is for the systems that the person knew: where these became others, it is asked for anew', async () => {
    await using other = await startFixture()
    const { items } = await project.send<{ items: { id: string }[] }>('GET', '/upstreams')
    const at = `/upstreams/${items[0]?.id}`
    const answered = call(await speakerOf('legacy'))
    const { id } = await pending()
    const lister = await speakerOf('modern')
    const movedTo = async (to: Fixture) => {
      await project.send('PATCH', at, { url: to.url })
      await vi.waitFor(async () => {
        to.forget()
        await lister.send('tools/list')
        expect(to.calls().length).toBeGreaterThan(0)
      }, SOON)
    }
    await movedTo(other)
    await decide(editor, id, 'approve')
    expect(decisionIn(await answered)).toMatchObject({ decision: 'ask', rule: 'held' })
    expect(ran()).toBe(0)
    expect(JSON.stringify(other.calls())).not.toContain(mark)
    await movedTo(fixture)
  })

  test('is no key’s to give, no viewer’s and no stranger’s, and is given once', async () => {
    const answered = call(await speakerOf('legacy'))
    const { id } = await pending()
    const path = `${project.at}/approvals/${id}/approve`
    const byKey = await world.http({ method: 'POST', path, key: project.key.secret, body: {} })
    expect(byKey.status).toBe(403)
    const byViewer = await world.http({ method: 'POST', path, token: viewer.token, body: {} })
    expect(byViewer.status).toBe(403)
    expect((await world.http({ method: 'POST', path, body: {} })).status).toBe(401)
    expect(ran()).toBe(0)
    await decide(editor, id, 'approve')
    expect(textIn(await answered)).toBe(mark)
    await expect(decide(editor, id, 'approve')).rejects.toThrow(/409/)
  })

  test('shows the arguments as they will run to who may decide', async () => {
    const secret = 'ada@example.com'
    const answered = call(await speakerOf('legacy'), `${mark} ${secret}`)
    const { id, arguments: listed } = await pending()
    expect(JSON.stringify(listed)).not.toContain(secret)
    const exact = await send<Approval>(world.http, editor.token, 'GET', `${project.at}/approvals/${id}`)
    expect(exact.arguments).toEqual({ text: `${mark} ${secret}` })
    await decide(editor, id, 'refuse')
    await answered
  })

  test.skipIf(process.env['MCP_WORLD'] !== undefined)(
    'survives restarts of the gateway and of projects: the same call finds it',
    async () => {
      const speaker = await speakerOf('legacy')
      const lost = call(speaker).catch(() => undefined)
      const { id } = await pending()
      await restart('mcp-gateway')
      await restart('projects')
      await lost
      await vi.waitFor(() => decide(editor, id, 'approve'), { timeout: 30_000, interval: 100 })
      await restart('mcp-gateway')
      const heard = await vi.waitFor(() => call(speaker), { timeout: 30_000, interval: 100 })
      expect(textIn(heard)).toBe(mark)
      expect(ran()).toBe(1)
    },
  )
})

/** Kills a service; whoever watches over it starts it again. */
async function restart(service: string): Promise<void> {
  const pid = world.stack.pids()[service]
  if (pid === undefined) throw new Error(`${service} does not run`)
  process.kill(pid, 'SIGKILL')
  await vi.waitFor(
    () => {
      const now = world.stack.pids()[service]
      expect(now).toBeDefined()
      expect(now).not.toBe(pid)
    },
    { timeout: 30_000, interval: 20 },
  )
}
