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

test('a bucket is written by its one owner: policies, keys, pins and approvals by nobody but projects', () => {
  const writers = (Object.entries(flow) as [string, FlowRow][]).flatMap(([name, row]) =>
    permissionsOf(name, row)
      .publish.filter((subject) => subject.startsWith('$KV.'))
      .map((subject) => `${name} ${subject}`),
  )
  expect(writers).toEqual([
    ...['approvals', 'keys', 'pins', 'policies'].map((bucket) => `projects $KV.${bucket}.>`),
    'billing $KV.entitlements.>',
  ])
})

test('dead letters are sent again, and the record is followed, by one service each', () => {
  const rows = Object.entries(flow) as [string, FlowRow][]
  expect(rows.filter(([, row]) => row.replaysDead).map(([name]) => name)).toEqual(['mailer'])
  expect(rows.filter(([, row]) => row.followsAudit).map(([name]) => name)).toEqual(['rest-gateway'])
  for (const [name, row] of rows) {
    if (row.replaysDead) continue
    const wide = permissionsOf(name, row).publish.filter((subject) => /^(job|evt|rpc)\.(>|\*)/.test(subject))
    expect(wide, name).toEqual([])
  }
})

test('nobody may publish or subscribe everything', () => {
  for (const [name, row] of Object.entries(flow) as [string, FlowRow][]) {
    const { publish, subscribe } = permissionsOf(name, row)
    expect(
      [...publish, ...subscribe].filter((subject) => subject === '>' || subject.startsWith('*')),
    ).toEqual([])
  }
})
