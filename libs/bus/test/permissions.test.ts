import { expect, test } from 'vitest'
import { flow, type FlowRow } from '@mcpshield/contracts/flow'
import { permissionsOf } from '../src/permissions.ts'

test('the NATS permissions of every service', async () => {
  const all = Object.fromEntries(
    (Object.entries(flow) as [string, FlowRow][]).map(([name, row]) => [name, permissionsOf(name, row)]),
  )
  await expect(`${JSON.stringify(all, null, 2)}\n`).toMatchFileSnapshot(
    '../../../infra/nats/permissions.json',
  )
})

test('nobody but projects may write a policy or a key', () => {
  const writers = (Object.entries(flow) as [string, FlowRow][])
    .filter(([name, row]) => permissionsOf(name, row).publish.some((subject) => subject.startsWith('$KV.')))
    .map(([name]) => name)
  expect(writers).toEqual(['projects'])
})

test('nobody may publish or subscribe everything', () => {
  for (const [name, row] of Object.entries(flow) as [string, FlowRow][]) {
    const { publish, subscribe } = permissionsOf(name, row)
    expect(
      [...publish, ...subscribe].filter((subject) => subject === '>' || subject.startsWith('*')),
    ).toEqual([])
  }
})
