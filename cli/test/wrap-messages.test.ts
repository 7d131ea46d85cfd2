import { describe, expect, test } from 'vitest'
import { open, textOf, wrapped } from './wrapped.ts'

describe('what a client may say', () => {
  const echo = (id: unknown, extra = '') =>
    `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"tools/call","params":{"name":"echo","arguments":{"text":"canary"}${extra}}}`

  const refused: [what: string, line: string | Buffer, answer: { id: unknown; code: number }][] = [
    ['no JSON', 'canary', { id: null, code: -32700 }],
    ['a cut line', echo(1).slice(0, -4), { id: null, code: -32700 }],
    ['a repeated key', echo(1, ',"name":"hidden"'), { id: 1, code: -32700 }],
    ['deep nesting', echo(1, `,"x":${'['.repeat(70)}${']'.repeat(70)}`), { id: 1, code: -32700 }],
    ['a number that would change', echo(1, ',"x":12345678901234567890'), { id: 1, code: -32700 }],
    [
      'bytes that are no text',
      Buffer.concat([
        Buffer.from('{"jsonrpc":"2.0","id":1,"canary":"'),
        Buffer.from([0xff]),
        Buffer.from('"}'),
      ]),
      { id: 1, code: -32700 },
    ],
    ['a batch', `[${echo(1)},${echo(2)}]`, { id: null, code: -32600 }],
    ['an empty batch', '[]', { id: null, code: -32600 }],
    ['another protocol', echo(1).replace('2.0', '1.0'), { id: 1, code: -32600 }],
    ['an id of null', echo(null), { id: null, code: -32600 }],
    ['an id that is no integer', echo(1.5), { id: null, code: -32600 }],
    ['an id that is an object', echo({ a: 1 }), { id: null, code: -32600 }],
    [
      'a method that is no string',
      '{"jsonrpc":"2.0","id":1,"method":["tools/call"],"params":{"x":"canary"}}',
      { id: 1, code: -32600 },
    ],
    [
      'params that are a list',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["echo","canary"]}',
      { id: 1, code: -32600 },
    ],
    [
      'arguments that are no object',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":"canary"}}',
      { id: 1, code: -32602 },
    ],
    [
      'a name that is no string',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["echo"],"arguments":{"text":"canary"}}}',
      { id: 1, code: -32602 },
    ],
    ['no name', '{"jsonrpc":"2.0","id":1,"method":"tools/call"}', { id: 1, code: -32602 }],
    [
      'a URI that is no string',
      '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":["canary"]}}',
      { id: 1, code: -32602 },
    ],
    ['neither a method nor an answer', '{"jsonrpc":"2.0","id":1,"canary":1}', { id: 1, code: -32600 }],
    [
      'both a result and an error',
      '{"jsonrpc":"2.0","id":1,"result":{"x":"canary"},"error":{}}',
      { id: 1, code: -32600 },
    ],
  ]

  test('what could be read in two ways, or is no message, is refused with an error, and nothing of it goes on', async () => {
    await using client = wrapped(open)
    for (const [, line] of refused) client.send(line)
    expect(textOf(await client.call('next', 'echo', { text: 'still here' }))).toBe('still here')
    const answers = client.messages
      .slice(0, -1)
      .map(({ id, error }, i) => [refused[i]?.[0], { id, code: error?.code }])
    expect(answers).toEqual(refused.map(([what, , answer]) => [what, answer]))
    expect(client.received()).not.toContain('canary')
  })

  test('a line longer than 10 MB is refused without being kept, and the next one is read', async () => {
    await using client = wrapped(open)
    client.send(echo('x'.repeat(11 * 1024 * 1024)))
    expect((await client.wait(() => true)).error?.code).toBe(-32700)
    expect(textOf(await client.call(2, 'echo', { text: 'here' }))).toBe('here')
    expect(client.received()).not.toContain('xxx')
  })

  test('a request that poses as a notification or as an answer runs nothing', async () => {
    await using client = wrapped(open)
    client.send(
      '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo","arguments":{"text":"canary"}}}',
    )
    client.send({ id: 'nobody asked', result: { canary: true } })
    client.send('')
    client.send({ method: 'notifications/initialized' })
    expect(textOf(await client.call(1, 'echo', { text: 'here' }))).toBe('here')
    expect(client.received()).toContain('notifications/initialized')
    expect(client.received()).not.toContain('canary')
    expect(client.messages).toHaveLength(1)
  })

  test('the same id twice gets an answer for each call', async () => {
    await using client = wrapped(open)
    client.send(echo(1))
    client.send(echo(1))
    client.send(echo('1'))
    await client.wait(({ id }) => id === '1')
    expect(client.messages.map(({ id }) => id)).toEqual([1, 1, '1'])
  })
})

test('a character that some readers take for the end of a line reaches both sides escaped', async () => {
  await using client = wrapped(open)
  let raw = ''
  client.child.stdout.on('data', (chunk: Buffer) => (raw += chunk.toString()))
  const text = 'a\u0085b\u2028c\u2029d'
  expect(textOf(await client.call(1, 'echo', { text }))).toBe(text)
  for (const each of [client.received(), raw]) {
    expect(each).toContain('a\\u0085b\\u2028c\\u2029d')
    expect(each).not.toMatch(/[\u0085\u2028\u2029]/)
  }
})

describe('what a server may say', () => {
  test('answers nobody waits for, and lines that are no messages, do not reach the client', async () => {
    await using client = wrapped(open)
    expect(textOf(await client.call(1, 'junk'))).toBe('after junk')
    expect(textOf(await client.call(2, 'echo', { text: 'next' }))).toBe('next')
    expect(client.messages).toHaveLength(2)
    expect(client.stderr()).toContain('was not passed on')
  })

  test('of a batch nothing reaches the client, and both who wait for what is in it are told', async () => {
    await using client = wrapped(open)
    client.send({ id: 1, method: 'tools/call', params: { name: 'batch' } })
    const { error } = await client.wait(({ id }) => id === 1)
    expect(error).toMatchObject({ code: -32600, message: expect.stringContaining('JSON-RPC batch') })
    expect(textOf(await client.call(2, 'echo', { text: 'next' }))).toBe('next')
    expect(JSON.stringify(client.messages)).not.toContain('canary')
    expect(client.messages).toHaveLength(2)
    expect(client.received()).toMatch(/"id":"theirs","error":\{"code":-32600/)
    expect(client.stderr()).toContain('a JSON-RPC batch of the server’s was not passed on')
  })

  test('its questions reach the client, and the client’s answers come back', async () => {
    await using client = wrapped(open)
    client.send({ id: 1, method: 'tools/call', params: { name: 'asks' } })
    const question = await client.wait(({ method }) => method === 'sampling/createMessage')
    expect(question.params).toEqual({ messages: [], maxTokens: 1 })
    client.send({ id: question.id, result: { said: 'yes' } })
    expect(textOf(await client.wait(({ id }) => id === 1))).toBe('the client says {"said":"yes"}')
  })

  test('numbers stay as it wrote them', async () => {
    await using client = wrapped(open)
    let raw = ''
    client.child.stdout.on('data', (chunk: Buffer) => (raw += chunk.toString()))
    await client.call(1, 'numbers')
    expect(raw).toContain('"n":12345678901234567890')
  })

  test('what it says of itself and of its tools is redacted, and names stay', async () => {
    await using client = wrapped(`version: 1\nrules: [{ tool: 'box/*', decision: allow, redact: [email] }]\n`)
    const { result: hello } = await client.ask(1, 'initialize', { protocolVersion: '2025-11-25' })
    expect(hello).toMatchObject({ protocolVersion: '2025-11-25', instructions: 'ask [redacted:email]' })
    const { result: list } = await client.ask(2, 'tools/list')
    expect((list?.['tools'] as object[])[0]).toEqual({
      name: 'echo',
      description: 'echo, by [redacted:email]',
      inputSchema: { type: 'object' },
    })
  })

  test('results, errors and log messages are redacted', async () => {
    await using client = wrapped(`version: 1\nrules: [{ tool: 'box/*', decision: allow, redact: [email] }]\n`)
    expect(textOf(await client.call(1, 'echo', { text: 'ann@example.com' }))).toBe('[redacted:email]')
    expect((await client.call(2, 'fails')).error).toEqual({
      code: -32000,
      message: 'no mailbox [redacted:email]',
    })
    await client.call(3, 'logs')
    const log = await client.wait(({ method }) => method === 'notifications/message')
    expect(log.params).toEqual({ level: 'info', data: 'seen [redacted:email]' })
  })
})
