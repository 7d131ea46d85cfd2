import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { INTERRUPTED } from '../src/delivery.ts'
import { startMailServer } from './mail-server.ts'
import { codeJob, killed, startWorld } from './world.ts'

const slow = { timeout: 30_000 }

test('a mailer killed while it hands over a mail leaves it to an operator: never twice, never lost', async () => {
  await using world = await startWorld()
  await using server = await startMailServer()
  const job = codeJob('ada@example.org')
  server.script('ada@example.org', { slowMs: 60_000 })
  const first = await world.forkMailer(server.url, 1_000)
  await world.ask(job)
  await server.receiving
  await killed(first)
  expect(server.mails).toHaveLength(1)
  const second = await world.forkMailer(server.url, 1_000)
  try {
    await expect.poll(async () => (await world.letters()).length, slow).toBe(1)
    const [letter] = await world.letters()
    expect(letter?.reason).toBe(INTERRUPTED)
    expect(server.attempts('ada@example.org')).toBe(1)
    await world.replay(letter?.id ?? 0)
    await expect.poll(async () => (await world.rows(job.id))[0]?.state, slow).toBe('sent')
    expect(server.mails).toHaveLength(2)
  } finally {
    await killed(second)
  }
})

test(
  'of 150 mails and five kills, each mail is sent once or is with the operator',
  { timeout: 120_000 },
  async () => {
    await using world = await startWorld()
    await using server = await startMailServer()
    const jobs = Array.from({ length: 150 }, (_, at) => codeJob(`p${at}@example.org`))
    for (const [at] of jobs.entries()) server.script(`p${at}@example.org`, { slowMs: 40 })
    let mailer = await world.forkMailer(server.url, 1_000)
    try {
      await Promise.all(jobs.map((job) => world.ask(job)))
      for (let kill = 0; kill < 5; kill++) {
        await sleep(60 + 35 * kill)
        await killed(mailer)
        mailer = await world.forkMailer(server.url, 1_000)
      }
      await expect.poll(world.waiting, { timeout: 60_000 }).toBe(0)
      const arrived = server.mails.map(({ to }) => [to].flat()[0]?.text ?? '')
      expect(new Set(arrived).size).toBe(arrived.length)
      const states = (await Promise.all(jobs.map(({ id }) => world.rows(id)))).map(([row]) => row?.state)
      expect(states.filter((state) => state !== 'sent' && state !== 'dead')).toEqual([])
      const dead = states.filter((state) => state === 'dead').length
      const letters = (await world.letters()).length
      expect(letters).toBe(dead)
      expect(arrived.length).toBeGreaterThanOrEqual(150 - dead)
    } finally {
      await killed(mailer)
    }
  },
)
