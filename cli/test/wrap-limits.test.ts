import { readFileSync, statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { folder } from './command.ts'
import { decisionOf, open, textOf, wrapped, type Message } from './wrapped.ts'

describe('limits', () => {
  test('a rate limit denies the call after the last one, and lets the next through when there is room', async () => {
    await using client = wrapped(
      `version: 1\nrules: [{ id: slowly, tool: 'box/*', decision: allow, limits: { rate_limit: { calls: 2, per: 2s } } }]\n`,
    )
    const texts = []
    for (const id of [1, 2, 3]) texts.push(textOf(await client.call(id, 'echo', { text: `call ${id}` })))
    expect(texts).toEqual(['call 1', 'call 2', expect.stringMatching(/^Denied by rule slowly: rate_limited/)])
    expect(client.received()).not.toContain('call 3')
    const { retry_after_ms: waitMs } = decisionOf(client.messages[2] as Message) as { retry_after_ms: number }
    expect(waitMs).toBeLessThanOrEqual(2_000)
    await expect
      .poll(async () => textOf(await client.call(Math.random().toString(), 'echo', { text: 'again' })), {
        timeout: 5_000,
      })
      .toBe('again')
  })

  test('a result over its bytes is withheld, one within passes', async () => {
    await using client = wrapped(
      `version: 1\nrules: [{ tool: 'box/*', decision: allow, limits: { max_bytes: 1000 } }]\n`,
    )
    expect(textOf(await client.call(1, 'bytes', { bytes: 900 }))).toHaveLength(900)
    const withheld = await client.call(2, 'bytes', { bytes: 1_000 })
    expect(textOf(withheld)).toMatch(/withheld: it has \d+ bytes, and the policy lets 1000 through/)
    expect(withheld.result?.['isError']).toBe(true)
  })

  test('a call over its time is answered and called off, and its late answer goes nowhere', async () => {
    await using client = wrapped(
      `version: 1\nrules: [{ tool: box/late, decision: allow, limits: { timeout: 200ms } }, { tool: 'box/*', decision: allow }]\n`,
    )
    expect(textOf(await client.call(1, 'late'))).toBe('The server did not answer within 200 ms.')
    await expect
      .poll(() => client.received())
      .toContain('"method":"notifications/cancelled","params":{"requestId":1,')
    expect(textOf(await client.call(2, 'echo', { text: 'next' }))).toBe('next')
    expect(client.messages).toHaveLength(2)
  })

  test('a call that the client calls off is called off at the server', async () => {
    await using client = wrapped(open)
    client.send({ id: 'mine', method: 'tools/call', params: { name: 'hang' } })
    client.send({ method: 'notifications/cancelled', params: { requestId: 'another', reason: 'no' } })
    client.send({ method: 'notifications/cancelled', params: { requestId: 'mine', reason: 'enough' } })
    expect(textOf(await client.call(2, 'echo', { text: 'next' }))).toBe('next')
    expect(client.received()).toContain(
      '"method":"notifications/cancelled","params":{"requestId":1,"reason":"enough"}',
    )
    expect(client.received()).not.toContain('another')
    expect(client.messages).toHaveLength(1)
  })
})

describe('the log', () => {
  test('has one line for each decision, without secrets, readable by its owner only', async () => {
    using files = folder()
    await using client = wrapped(open, ['--log', files.path('log')])
    await client.ask('i', 'initialize', { clientInfo: { name: 'tester' } })
    await client.call(1, 'echo', {
      text: 'ann@example.com',
      token: 'ghp_x7Kq2mZ9vR4tY8wB1nC5dF6gH3jL0pSaQeUi',
    })
    await client.call(2, 'hidden')
    await client.ask(3, 'tools/list')
    const entries = readFileSync(files.path('log'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(entries).toMatchObject([
      {
        method: 'tools/call',
        tool: 'box/echo',
        decision: 'allow',
        rule: 'any',
        agent: 'tester',
        arguments: { text: '[redacted:email]' },
      },
      { method: 'tools/call', tool: 'box/hidden', decision: 'deny', rule: 'no-hidden' },
    ])
    expect(JSON.stringify(entries)).not.toContain('ghp_')
    expect(statSync(files.path('log')).mode & 0o777).toBe(0o600)
  })

  test('that cannot be written denies the call', async () => {
    await using client = wrapped(open, ['--log', '/dev/full'])
    expect(textOf(await client.call(1, 'echo', { text: 'canary' }))).toContain('could not be recorded')
    expect(client.received()).not.toContain('canary')
  })
})
