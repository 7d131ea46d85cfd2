import { readFileSync, statSync } from 'node:fs'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { describe, expect, test } from 'vitest'
import { bin, folder, mcpshield } from './command.ts'
import { wrapped, type Message } from './wrapped.ts'

const open = `version: 1
rules:
  - { id: no-hidden, tool: box/hidden, decision: deny }
  - { id: write, tool: box/write, decision: ask }
  - { id: any, tool: 'box/*', decision: allow }
  - { id: resources, method: 'resources/*', tool: 'box/*', decision: allow, conditions: { path_prefix: /open } , redact: [email] }
  - { id: prompts, method: prompts/get, tool: box/open, decision: allow }
`
const textOf = ({ result }: Message) => (result?.['content'] as { text: string }[])[0]?.text
const decisionOf = ({ result }: Message) =>
  (result?.['_meta'] as { 'io.mcpshield/decision': object } | undefined)?.['io.mcpshield/decision']

describe('a real client and a real file-system server', () => {
  const server = createRequire(import.meta.url).resolve(
    '@modelcontextprotocol/server-filesystem/dist/index.js',
  )
  const policy = `version: 1
rules:
  - { id: read, tool: files/read_text_file, decision: allow, conditions: { path_prefix: SAFE }, redact: [email] }
`

  test('see what is allowed, redacted, and nothing of what is denied', async () => {
    using files = folder()
    mkdirSync(files.path('safe'))
    writeFileSync(files.path('safe/a.txt'), 'write to ann@example.com')
    writeFileSync(files.path('b.txt'), 'not for agents')
    writeFileSync(files.path('policy.yaml'), policy.replace('SAFE', files.path('safe')))
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [
        ...[
          bin,
          'wrap',
          '--policy',
          files.path('policy.yaml'),
          '--name',
          'files',
          '--server',
          'server-filesystem',
        ],
        ...['--', process.execPath, server, files.path('.')],
      ],
      stderr: 'ignore',
    })
    const client = new Client({ name: 'test', version: '1' })
    await client.connect(transport)
    const read = (path: string) => client.callTool({ name: 'read_text_file', arguments: { path } })
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['read_text_file'])
    expect(await read(files.path('safe/a.txt'))).toMatchObject({
      content: [{ type: 'text', text: 'write to [redacted:email]' }],
      structuredContent: { content: 'write to [redacted:email]' },
    })
    for (const path of ['b.txt', 'safe/../b.txt', 'safe-evil']) {
      expect(await read(`${files.path('.')}/${path}`)).toMatchObject({
        isError: true,
        _meta: { 'io.mcpshield/decision': { decision: 'deny', rule: 'default' } },
      })
    }
    await expect(client.readResource({ uri: `file://${files.path('b.txt')}` })).rejects.toThrow(
      /Denied by rule/,
    )
    const closingMs = performance.now()
    await client.close()
    // The client waits two seconds before it takes to signals.
    expect(performance.now() - closingMs).toBeLessThan(2_000)
  })
})

describe('calls', () => {
  test('that are allowed go on written anew, with what was judged and nothing else', async () => {
    await using client = wrapped(open)
    client.send(
      '{ "jsonrpc":"2.0", "id":"a",\t"extra":1, "method":"tools/call", "params":{"name":"echo","arguments":{"text":"h\\u0069"},' +
        '"task":{"ttl":1},"more":2,"_meta":{"progressToken":5,"x.example/secret":"no"}} }',
    )
    expect(textOf(await client.wait(({ id }) => id === 'a'))).toBe('hi')
    expect(client.received()).toBe(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"},"_meta":{"progressToken":5}}}\n',
    )
  })

  test('that are denied are results with the decision, and no byte of them reaches the server', async () => {
    await using client = wrapped(open)
    const denied = await client.call(1, 'hidden', { text: 'canary' })
    expect(denied.result).toEqual({
      content: [{ type: 'text', text: 'Denied by rule no-hidden: box/hidden is denied by rule no-hidden.' }],
      isError: true,
      _meta: {
        'io.mcpshield/decision': {
          decision: 'deny',
          rule: 'no-hidden',
          reason: 'box/hidden is denied by rule no-hidden.',
          decision_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          policy_version: null,
        },
      },
    })
    const asked = await client.call(2, 'write', { text: 'canary' })
    expect(textOf(asked)).toContain('nobody can be asked here')
    expect(decisionOf(asked)).toMatchObject({ decision: 'ask', rule: 'write' })
    expect(textOf(await client.call(3, 'echo', { text: 'open' }))).toBe('open')
    expect(client.received()).not.toContain('canary')
    expect(client.received()).not.toContain('hidden')
  })

  test('of other methods are decided, and denied by one error of their own', async () => {
    await using client = wrapped(open)
    const read = (id: number, uri: string) => client.ask(id, 'resources/read', { uri })
    expect((await read(1, 'file:///open/a')).result).toEqual({
      contents: [{ uri: 'file:///open/a', text: 'of file:///open/a by [redacted:email]' }],
    })
    for (const [id, uri] of [
      [2, 'file:///shut/a'],
      [3, 'file:///open/../shut/a'],
      [4, 'file:///open/%2e%2e/shut/a'],
      [5, 'odd://open/a'],
    ] as const) {
      const { error } = await read(id, uri)
      expect(error?.code).toBe(-31403)
      expect(error?.data).toMatchObject({ 'io.mcpshield/decision': { decision: 'deny' } })
    }
    expect((await client.ask(6, 'prompts/get', { name: 'open' })).result).toHaveProperty('messages')
    expect((await client.ask(7, 'prompts/get', { name: 'shut' })).error?.code).toBe(-31403)
    expect(
      (await client.ask(8, 'completion/complete', { ref: { type: 'ref/prompt', name: 'open' } })).error?.code,
    ).toBe(-31403)
    expect((await client.ask(9, 'resources/subscribe', { uri: 'file:///shut/a' })).error?.code).toBe(-31403)
    expect(client.received()).not.toContain('shut')
  })

  test('of methods that are not known, and tasks, do not pass', async () => {
    await using client = wrapped(open)
    for (const [id, method] of [
      'tasks/result',
      'tasks/list',
      'tools/callx',
      'x.example/do',
      '__proto__',
    ].entries())
      expect((await client.ask(id, method, { name: 'echo', taskId: 'canary' })).error?.code).toBe(-32601)
    const { result } = await client.ask('i', 'initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
    })
    expect(result).toMatchObject({ capabilities: { tools: {}, logging: {} } })
    expect(result).not.toHaveProperty('capabilities.tasks')
    expect(client.received()).not.toContain('canary')
  })

  test('show in lists only what some of them could be allowed', async () => {
    await using client = wrapped(open.replace("'box/*', decision: allow }", 'box/echo, decision: allow }'))
    const names = async (method: string, member: string, name: string) =>
      ((await client.ask(method, method)).result?.[member] as Record<string, string>[]).map(
        (each) => each[name],
      )
    expect(await names('tools/list', 'tools', 'name')).toEqual(['echo', 'write'])
    expect(await names('prompts/list', 'prompts', 'name')).toEqual(['open'])
    expect(await names('resources/list', 'resources', 'uri')).toEqual(['file:///open/a', 'file:///shut/a'])
    await using shut = wrapped('version: 1\n')
    expect((await shut.ask(1, 'tools/list')).result).toEqual({ tools: [] })
    expect((await shut.ask(2, 'resources/list')).result).toEqual({ resources: [] })
  })
})

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

describe('what a server may say', () => {
  test('answers nobody waits for, and lines that are no messages, do not reach the client', async () => {
    await using client = wrapped(open)
    expect(textOf(await client.call(1, 'junk'))).toBe('after junk')
    expect(textOf(await client.call(2, 'echo', { text: 'next' }))).toBe('next')
    expect(client.messages).toHaveLength(2)
    expect(client.stderr()).toContain('was not passed on')
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

describe('limits', () => {
  test('a rate limit denies the call after the last one, and lets the next through when there is room', async () => {
    await using client = wrapped(
      `version: 1\nrules: [{ id: slowly, tool: 'box/*', decision: allow, limits: { rate_limit: { calls: 2, per: 1s } } }]\n`,
    )
    const texts = []
    for (const id of [1, 2, 3]) texts.push(textOf(await client.call(id, 'echo', { text: `call ${id}` })))
    expect(texts).toEqual(['call 1', 'call 2', expect.stringMatching(/^Denied by rule slowly: rate_limited/)])
    expect(client.received()).not.toContain('call 3')
    const { retry_after_ms: waitMs } = decisionOf(client.messages[2] as Message) as { retry_after_ms: number }
    expect(waitMs).toBeLessThanOrEqual(1_000)
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
    expect(textOf(await client.call(1, 'echo', { text: 'canary' }))).toContain('could not be logged')
    expect(client.received()).not.toContain('canary')
  })
})

describe('the end', () => {
  test('of the server is passed on with its exit code, and answers whoever waits', async () => {
    await using client = wrapped(open)
    client.send({ id: 1, method: 'tools/call', params: { name: 'hang' } })
    client.send({ id: 2, method: 'tools/call', params: { name: 'crash' } })
    expect(await client.ended).toBe(7)
    expect(client.messages.map(textOf)).toEqual(Array(2).fill('The server ended before it answered.'))
  })

  test('of the client’s input lets the server answer, and then ends it', async () => {
    await using client = wrapped(open)
    client.send({ id: 1, method: 'tools/call', params: { name: 'echo', arguments: { text: 'last words' } } })
    client.child.stdin.end()
    expect(await client.ended).toBe(0)
    expect(client.messages.map(textOf)).toEqual(['last words'])
  })

  test.for(['SIGTERM', 'SIGINT'] as const)('by %s ends the server too', async (signal) => {
    await using client = wrapped(open)
    await client.ask(1, 'ping')
    client.child.kill(signal)
    expect(await client.ended).toBe(signal === 'SIGTERM' ? 143 : 130)
  })

  test('of a server that ignores signals comes by force', async () => {
    await using client = wrapped(
      open,
      [],
      [
        process.execPath,
        '-e',
        `process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1e6); process.stdin.resume().on('data', () => console.log('{"jsonrpc":"2.0","id":1,"result":{}}'))`,
      ],
    )
    await client.ask(1, 'ping')
    client.child.kill('SIGTERM')
    expect(await client.ended).toBe(137)
  })

  test('the server’s own words pass, our secrets do not', async () => {
    await using client = wrapped(open)
    const names = JSON.parse(textOf(await client.call(1, 'env')) ?? '') as string[]
    expect(names).toContain('THEIRS')
    expect(names.filter((name) => name.startsWith('MCPSHIELD'))).toEqual([])
    expect(client.stderr()).toContain('fixture: started\n')
  })
})

describe('before the start', () => {
  test.for<[string, string[], number, string]>([
    ['a bad policy', ['--policy', 'bad.yaml', '--', 'true'], 1, 'bad.yaml:1:10 error'],
    ['no policy', ['--policy', 'none.yaml', '--', 'true'], 2, 'none.yaml cannot be read'],
    ['the policy on standard input', ['--policy', '-', '--', 'true'], 2, 'must be a file'],
    [
      'a name that is none',
      ['--policy', 'p.yaml', '--name', 'My Files', '--', 'true'],
      2,
      'give one with --name',
    ],
    ['a command without a name', ['--policy', 'p.yaml', '--', '/bin/_'], 2, 'give one with --name'],
    [
      'a server that is not known',
      ['--policy', 'p.yaml', '--server', 'nope', '--', 'true'],
      2,
      'known are: ',
    ],
    [
      'a log that cannot be written',
      ['--policy', 'p.yaml', '--log', '/no/such/log', '--', 'true'],
      2,
      'cannot be written',
    ],
    [
      'a command that is not there',
      ['--policy', 'p.yaml', '--', './no-such-command'],
      127,
      'cannot be started',
    ],
    ['a command that cannot be run', ['--policy', 'p.yaml', '--', './p.yaml'], 126, 'cannot be started'],
  ])('%s is said, and ends it', async ([, args, code, said]) => {
    using files = folder({ 'p.yaml': 'version: 1\n', 'bad.yaml': 'version: 9\n' })
    const outcome = await mcpshield(['wrap', ...args], { cwd: files.path('.') })
    expect({ code: outcome.code, stdout: outcome.stdout }).toEqual({ code, stdout: '' })
    expect(outcome.stderr).toContain(said)
  })

  test('the command names the server where nothing else does', async () => {
    using files = folder({ 'p.yaml': 'version: 1\nrules: [{ tool: node/echo, decision: allow }]\n' })
    const { lines } = await mcpshield(
      ['wrap', '--policy', files.path('p.yaml'), '--', process.execPath, '-e', 'process.stdin.resume()'],
      { input: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"other"}}\n' },
    )
    expect(lines).toMatchObject([
      {
        id: 1,
        result: { _meta: { 'io.mcpshield/decision': { reason: expect.stringContaining('node/other') } } },
      },
    ])
  })
})
