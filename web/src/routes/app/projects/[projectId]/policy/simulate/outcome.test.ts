import { expect, test } from 'vitest'
import type { Simulation } from '@mcpshield/contracts/ingest'
import { groupsOf } from './outcome.ts'

test('what would be opened stands above what would be closed', () => {
  const example = (from: string, to: string) => ({ before: { decision: from }, after: { decision: to } })
  const simulation = {
    changed: {
      calls: 6,
      transitions: [
        { from: 'allow', to: 'deny', calls: 3 },
        { from: 'ask', to: 'allow', calls: 1 },
        { from: 'deny', to: 'allow', calls: 2 },
      ],
    },
    examples: [example('allow', 'deny'), example('deny', 'allow'), example('allow', 'deny')],
  } as unknown as Simulation
  expect(
    groupsOf(simulation).map(({ from, to, calls, examples }) => [from, to, calls, examples.length]),
  ).toEqual([
    ['deny', 'allow', 2, 1],
    ['ask', 'allow', 1, 0],
    ['allow', 'deny', 3, 2],
  ])
})
