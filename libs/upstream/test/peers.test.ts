// Who makes room when an upstream has as many clients as it may have.
import { expect, test } from 'vitest'
import { upstreamOf, type OwnedPeer } from '../src/peers.ts'
import { speakerOf } from './speakers.ts'

const MAX = 10_000

test('a client with nothing under way makes room for a new one, and one that is at work never does', async () => {
  const busy = new Set<string>()
  const closed: string[] = []
  const open = async ({ id }: { id: string }) =>
    ({ era: 'legacy', isBusy: () => busy.has(id), close: async () => void closed.push(id) }) as OwnedPeer
  await using upstream = upstreamOf('x', { legacy: open, modern: open }, async () => undefined)
  for (let count = 0; count < MAX; count++) {
    busy.add(`${count}`)
    await upstream.peer(speakerOf('legacy', { id: `${count}` }))
  }
  await expect(upstream.peer(speakerOf('legacy', { id: 'new' }))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  })
  expect(closed).toEqual([])
  busy.delete('7')
  await upstream.peer(speakerOf('legacy', { id: 'new' }))
  expect(closed).toEqual(['7'])
})
