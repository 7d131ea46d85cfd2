import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { describe, expect, test } from 'vitest'
import { bin, folder } from './command.ts'
import { decisionOf, open, textOf, wrapped } from './wrapped.ts'

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
      env: { PATH: process.env['PATH'] ?? '', XDG_STATE_HOME: files.path('state') },
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
        '"requestState":"x","inputResponses":{},"more":2,"_meta":{"progressToken":5,"x.example/trace":"yes"}} }',
    )
    expect(textOf(await client.wait(({ id }) => id === 'a'))).toBe('hi')
    expect(client.received()).toBe(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"},"_meta":{"progressToken":5,"x.example/trace":"yes"}}}\n',
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
    expect(textOf(asked)).toContain('Nobody can be asked here')
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

  test('of a URI whose path climbs out of the one a rule names are refused, however it is written', async () => {
    await using client = wrapped(
      "version: 1\nrules: [{ tool: 'box/file:///pub/*', method: 'resources/*', decision: allow }]\n",
    )
    const methods = ['resources/read', 'resources/subscribe', 'resources/unsubscribe']
    for (const uri of [
      ...['file:///pub/../secret', 'file:///pub/%2e%2e/secret', 'file:///pub/a/..\\..\\secret'],
      ...['file:///pub/a%2f..%2f..%2fsecret', 'file:///pub/%252e%252e/secret', 'file:///pub/.\t./secret'],
    ])
      for (const method of methods)
        expect((await client.ask(`${method} ${uri}`, method, { uri })).error, uri).toMatchObject({
          code: -32602,
          message: expect.stringContaining('climbs'),
        })
    expect((await client.ask(1, 'resources/read', { uri: 'file:///pub/a..b/.c' })).result).toHaveProperty(
      'contents',
    )
    expect(client.received()).not.toContain('secret')
  })

  test('of a URI that a server may read as a denied one are denied, however it is written', async () => {
    await using client = wrapped(`version: 1
rules:
  - { id: secret, tool: 'box/file:///secret/*', method: 'resources/*', decision: deny }
  - { id: mail, tool: 'box/memo://mail', method: 'resources/*', decision: allow, redact: [email] }
  - { id: all, tool: 'box/*', method: 'resources/*', decision: allow }
`)
    const read = (uri: string) => client.ask(uri, 'resources/read', { uri })
    for (const uri of [
      ...['file:///secret/a', 'FILE:///secret/a', 'file://localhost/secret/a', 'file:///%73ecret/a'],
      ...['file:///%2573ecret/a', 'file:////secret/a', 'file:///secret/%61?x#y'],
    ])
      expect((await read(uri)).error, uri).toMatchObject({
        code: -31403,
        data: { 'io.mcpshield/decision': { rule: 'secret' } },
      })
    expect((await read('MEMO://mail')).error?.message).toContain('can also be read as box/memo://mail')
    for (const uri of ['file:///secrets', 'FILE:///open/%61', 'memo://mail'])
      expect((await read(uri)).result, uri).toHaveProperty('contents')
    expect(client.received()).not.toMatch(/secret\/|73ecret|MEMO:/)
  })

  test('of a completion reach the server with the reference that was judged and no other', async () => {
    await using client = wrapped(`version: 1
rules:
  - { tool: box/ok, method: completion/complete, decision: allow }
  - { tool: 'box/file:///pub/*', method: completion/complete, decision: allow }
`)
    const argument = { name: 'a', value: 'b' }
    const complete = (id: number, ref: object) => client.ask(id, 'completion/complete', { ref, argument })
    await complete(1, { type: 'ref/prompt', name: 'ok', uri: 'secret://a' })
    await complete(2, { type: 'ref/resource', uri: 'file:///pub/{name}', name: 'secret' })
    for (const ref of [
      { type: 'REF/resource', name: 'ok', uri: 'secret://a' },
      { name: 'ok', uri: 'secret://a' },
      { type: 'ref/resource', uri: 'file:///pub/../secret' },
      { type: 'ref/resource', name: 'ok' },
      { type: 'ref/prompt', uri: 'file:///pub/a' },
    ])
      expect((await complete(3, ref)).error?.code).toBe(-32602)
    const sent = client.received().trimEnd().split('\n')
    expect(sent.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { params: { ref: { type: 'ref/prompt', name: 'ok' }, argument } },
      { params: { ref: { type: 'ref/resource', uri: 'file:///pub/{name}' }, argument } },
    ])
    expect(client.received()).not.toContain('secret')
  })

  test('that are not decided take along what the protocol knows of them', async () => {
    await using client = wrapped(open)
    const params = { name: 'canary', canary: 1, _meta: { progressToken: 1, 'x.example/a': 'yes' } }
    for (const method of ['ping', 'tools/list', 'resources/list', 'prompts/list'])
      await client.ask(method, method, { ...params, cursor: 'next' })
    client.send({ method: 'notifications/canary', params })
    client.send({ method: 'notifications/initialized', params })
    client.send({ method: 'notifications/progress', params: { ...params, progressToken: 7, progress: 0.5 } })
    expect(textOf(await client.call(1, 'echo', { text: 'here' }))).toBe('here')
    const sent = client.received()
    expect(sent).not.toContain('canary')
    const _meta = '{"progressToken":1,"x.example/a":"yes"}'
    expect(sent).toContain(`"method":"ping","params":{"_meta":${_meta}}}`)
    expect(sent).toContain(`"method":"tools/list","params":{"cursor":"next","_meta":${_meta}}}`)
    expect(sent).toContain(`"method":"notifications/initialized","params":{"_meta":${_meta}}}`)
    expect(sent).toContain(
      `"method":"notifications/progress","params":{"progressToken":7,"progress":0.5,"_meta":${_meta}}}`,
    )
  })

  test('of methods that are not known are decided by their own names, and pass with all they carry', async () => {
    await using client = wrapped(`version: 1
rules:
  - { tool: 'box/*', decision: allow }
  - { tool: box/x.example/do, method: x.example/do, decision: allow, redact: [email] }
`)
    const params = { name: 'echo', taskId: 'canary', _meta: { 'x.example/a': 1 } }
    for (const [id, method] of [
      'x.example/dont',
      'tools/callx',
      'sampling/createMessage',
      '__proto__',
    ].entries())
      expect((await client.ask(id, method, params)).error?.code, method).toBe(-31403)
    expect(client.received()).toBe('')
    expect((await client.ask('x', 'x.example/do', { to: 'a', deep: [1], ...params })).result).toEqual({
      echoed: { to: 'a', deep: [1], ...params },
      by: '[redacted:email]',
    })
  })

  test('of tasks that no call made do not pass', async () => {
    await using client = wrapped("version: 1\nrules: [{ tool: '*', method: '*', decision: allow }]\n")
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/update'])
      expect((await client.ask(method, method, { taskId: 'canary' })).error?.code).toBe(-32602)
    expect((await client.ask('list', 'tasks/list')).error?.code).toBe(-32601)
    const { result } = await client.ask('i', 'initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
    })
    expect(result).toMatchObject({ capabilities: { tools: {}, logging: {}, tasks: { cancel: {} } } })
    expect(result).not.toHaveProperty('capabilities.tasks.list')
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
