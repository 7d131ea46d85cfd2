// What a client carries for us cannot be read, changed, kept for ever, or used by another or for another call.
import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { sealedStates, type Bound } from '../src/sealed-state.ts'

const key = randomBytes(32)
const states = sealedStates(key)
const bound: Bound = {
  subject: 'key-1',
  projectId: 'p',
  call: { method: 'tools/call', tool: 'a/b', arguments: { x: 1, y: 2 } },
}

test('a state opens for the same asker and the same call, at any instance, whatever the order of members', async () => {
  const text = await states.seal({ upstream: 'secret state' }, bound, 60_000)
  expect(text).not.toContain('secret')
  const again = { ...bound, call: { arguments: { y: 2, x: 1 }, tool: 'a/b', method: 'tools/call' } }
  expect(await sealedStates(key).open(text, again)).toMatchObject({ content: { upstream: 'secret state' } })
})

test.each<[string, Bound]>([
  ['another asker', { ...bound, subject: 'key-2' }],
  ['another project', { ...bound, projectId: 'q' }],
  ['another tool', { ...bound, call: { ...bound.call, tool: 'a/c' } }],
  ['other arguments', { ...bound, call: { ...bound.call, arguments: { x: 1, y: 3 } } }],
])('it does not open for %s', async (_, other) => {
  const text = await states.seal({}, bound, 60_000)
  expect(await states.open(text, other)).toHaveProperty('problem')
})

test('every change of a character is noticed', async () => {
  const text = await states.seal({ upstream: 's' }, bound, 60_000)
  for (let at = 0; at < text.length; at += 7) {
    const changed = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`
    const opened = await states.open(changed, bound)
    // The last character of base64url may carry bits that are not looked at.
    if (!('problem' in opened)) expect(opened.content).toEqual({ upstream: 's' })
    else expect(opened.problem).toContain('not one that was given out')
  }
})

test.each(['', 'x', 'a.b.c.d.e', '{}', 'eyJhbGciOiJub25lIn0..', 'x'.repeat(1_000_000)])(
  '%.20s is no state',
  async (text) => {
    expect(await states.open(text, bound)).toHaveProperty('problem')
  },
)

test('it is over when its time is', async () => {
  const text = await states.seal({}, bound, 1_000)
  vi.useFakeTimers({ now: Date.now() + 2_000, toFake: ['Date'] })
  try {
    expect(await states.open(text, bound)).toEqual({ problem: 'The state is over: make the call anew.' })
  } finally {
    vi.useRealTimers()
  }
})
