import { expect, test } from 'vitest'
import { nextStep, type Step } from './next-step.ts'
import type { MailState } from './entities.ts'

const known = (state: MailState, changedMs: number) => ({
  state,
  tries: 0,
  sequence: 5,
  failure: null,
  createdMs: 0,
  changedMs,
})

test('a mail that nothing is known of is sent', () => {
  expect(nextStep(undefined, { sequence: 1, replayed: false }, 0, 10)).toBe('send')
})

test.for([
  // state, age, its own message again / another message of the mail / a replay
  ['waiting', 5, 'send', 'send', 'send'],
  ['sending', 5, 'wait', 'done', 'done'],
  ['sending', 11, 'interrupted', 'done', 'done'],
  ['sent', 11, 'done', 'done', 'done'],
  ['skipped', 11, 'done', 'done', 'done'],
  ['dead', 11, 'bury', 'done', 'send'],
] as const satisfies [MailState, number, Step, Step, Step][])(
  '%s for %i ms: its own message again %s, another %s, a replay %s',
  ([state, ageMs, own, other, replay]) => {
    const step = (sequence: number, replayed: boolean) =>
      nextStep(known(state, 1_000 - ageMs), { sequence, replayed }, 1_000, 10)
    expect(step(5, false)).toBe(own)
    expect(step(6, false)).toBe(other)
    expect(step(6, true)).toBe(replay)
  },
)

test('a replay that died itself is buried, not sent in circles', () => {
  expect(nextStep(known('dead', 0), { sequence: 5, replayed: true }, 1_000, 10)).toBe('bury')
})
