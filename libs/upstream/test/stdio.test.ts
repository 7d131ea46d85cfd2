// Servers as child processes.
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Message, RpcAnswer } from '@mcpshield/mcp/messages'
import { connectUpstream } from '../src/connect.ts'
import { listUpstreamTools } from '../src/list-tools.ts'
import type { Peer, RequestOptions, Upstream } from '../src/upstream.ts'
import { MARK } from '../src/process-family.ts'
import { silent, speakerOf, within } from './speakers.ts'

// Processes take their time on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const open: Upstream[] = []
type StartOptions = { command?: string; args?: string[]; env?: Record<string, string>; server?: string }
function start({
  command = process.execPath,
  args = [],
  env = {},
  server = 'fixture-server.ts',
}: StartOptions = {}) {
  const path = join(import.meta.dirname, server)
  const upstream = connectUpstream(
    { slug: 'fixture', transport: 'stdio', command, args: [path, ...args], env, path: '/usr/bin:/bin' },
    silent,
  )
  open.push(upstream)
  return upstream
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each[Symbol.asyncDispose]()))
})

const call = (peer: Peer, name: string, text = '', options: Partial<RequestOptions> = {}) =>
  peer.request('tools/call', { name, arguments: { text } }, { ...within, ...options })
const textOf = (answer: RpcAnswer) =>
  'result' in answer ? (answer.result['content'] as { text: string }[])[0]?.text : undefined
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
const isOver = (pid: number) => vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 5_000 })

describe('a process', () => {
  test('answers calls, many at once, each with its own answer', async () => {
    const peer = await start().peer(speakerOf('legacy'))
    expect((await listUpstreamTools(peer, 5_000)).map((tool) => tool.name)).toContain('echo')
    const texts = Array.from({ length: 50 }, (_, index) => `text ${index}`)
    const answers = await Promise.all(texts.map((text) => call(peer, 'echo', text)))
    expect(answers.map(textOf)).toEqual(texts)
  })

  test('that stops fails its calls with a reason, and is started again by the next call', async () => {
    const peer = await start().peer(speakerOf('legacy'))
    const lost = expect(call(peer, 'hang')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const crashed = await call(peer, 'crash').catch((error: unknown) => error as Error)
    expect(crashed).toMatchObject({
      code: 'UNAVAILABLE',
      message: 'The upstream fixture stopped (exit code 3) before it answered.',
    })
    expect((crashed as Error).cause).toMatchObject({
      message: expect.stringContaining('first line\nlast words'),
    })
    await lost
    expect(textOf(await call(peer, 'echo', 'again'))).toBe('again')
  })

  test('that stops again and again is started no sooner than its pause is over', async () => {
    const peer = await start().peer(speakerOf('legacy'))
    await expect(call(peer, 'crash')).rejects.toMatchObject({
      message: expect.stringContaining('exit code 3'),
    })
    await expect(call(peer, 'crash')).rejects.toMatchObject({
      message: expect.stringContaining('exit code 3'),
    })
    await expect(call(peer, 'echo')).rejects.toMatchObject({
      message: expect.stringContaining('started again in a moment'),
    })
    await vi.waitFor(async () => expect(textOf(await call(peer, 'echo', 'back'))).toBe('back'), {
      timeout: 5_000,
    })
  })

  test('that hangs is given up after its time, and told so', async () => {
    const peer = await start().peer(speakerOf('legacy'))
    await expect(call(peer, 'hang', '', { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: 'The upstream fixture did not answer within 100 ms.',
    })
    const heard = JSON.parse(textOf(await call(peer, 'heard')) ?? '') as {
      id: number
      method: string
      params: object
    }[]
    const hung = heard.find(({ params }) => JSON.stringify(params ?? {}).includes('"hang"'))
    expect(heard.find(({ method }) => method === 'notifications/cancelled')?.params).toMatchObject({
      requestId: hung?.id,
    })
  })

  test('is told when the client goes away', async () => {
    const peer = await start().peer(speakerOf('legacy'))
    const gone = new AbortController()
    const hanging = call(peer, 'hang', '', { signal: gone.signal })
    gone.abort()
    await expect(hanging).rejects.toMatchObject({ message: 'The client went away.' })
    expect(textOf(await call(peer, 'heard'))).toContain('notifications/cancelled')
  })

  test('that answers nonsense is not believed', async () => {
    const peer = await start().peer(speakerOf('legacy'))
    expect(textOf(await call(peer, 'nonsense'))).toBe('after nonsense')
    await expect(call(peer, 'neither')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('may answer with characters that some readers take for the end of a line', async () => {
    const peer = await start().peer(speakerOf('legacy'))
    expect(textOf(await call(peer, 'separators'))).toBe('a\u0085b\u2028c\u2029d')
    expect(textOf(await call(peer, 'echo', 'next'))).toBe('next')
  })

  test('gets each message as one line, whatever it takes for the end of one', async () => {
    const peer = await start({ server: 'line-server.ts' }).peer(speakerOf('legacy'))
    const text = 'a\u0085b\u2028c\u2029d'
    await expect(call(peer, 'echo', text)).resolves.toMatchObject({
      result: { content: [{ text }], separators: 0 },
    })
  })

  test('that answers without an end is stopped', async () => {
    const peer = await start().peer(speakerOf('legacy'))
    await expect(call(peer, 'endless')).rejects.toMatchObject({ message: expect.stringContaining('SIGKILL') })
    expect(textOf(await call(peer, 'echo', 'again'))).toBe('again')
  })

  test('that answers with a batch is told so, and so is who waits for its answer', async () => {
    const speaker = speakerOf('legacy')
    const peer = await start().peer(speaker)
    await expect(call(peer, 'batch')).resolves.toEqual({
      error: { code: -32600, message: expect.stringContaining('JSON-RPC batch') },
    })
    expect(speaker.asked).toEqual([])
    const heard = JSON.parse(textOf(await call(peer, 'heard')) ?? '') as object[]
    expect(heard).toContainEqual({
      jsonrpc: '2.0',
      id: 'theirs',
      error: { code: -32600, message: expect.stringContaining('one message at a time') },
    })
  })

  test('sees nothing of our environment but PATH and what was named', async () => {
    process.env.SECRET_OF_THE_GATEWAY = 'secret'
    const peer = await start({ env: { NAMED: 'yes' } }).peer(speakerOf('legacy'))
    const env = JSON.parse(textOf(await call(peer, 'env')) ?? '') as object
    delete process.env.SECRET_OF_THE_GATEWAY
    expect(env).toEqual({
      PATH: '/usr/bin:/bin',
      NAMED: 'yes',
      [MARK]: expect.stringMatching(/^[0-9a-f]{24}$/),
    })
  })

  test('that cannot be started says so, and a shell never sees its arguments', async () => {
    await expect(start({ command: '/nonexistent/secret' }).peer(speakerOf('legacy'))).rejects.toMatchObject({
      message: 'The upstream fixture cannot be started (ENOENT).',
    })
    for (const command of ['/bin/echo; touch /tmp/owned', 'a\0b'])
      await expect(start({ command }).peer(speakerOf('modern'))).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      })
    const echo = start({ command: '/bin/echo', args: ['$(touch /tmp/owned)', '`id`', ';', '|'] })
    await expect(echo.peer(speakerOf('legacy'))).rejects.toMatchObject({
      message: expect.stringContaining('stopped (exit code 0)'),
    })
  })

  test('that reads nothing any more does not fill our memory', async () => {
    const peer = await start().peer(speakerOf('legacy'))
    await call(peer, 'deafen')
    const large = 'x'.repeat(8 * 1024 * 1024)
    const calls = Array.from({ length: 12 }, () => call(peer, 'echo', large, { timeoutMs: 1_000 }))
    const failed = await Promise.all(
      calls.map((each) => each.catch((error: unknown) => (error as Error).message)),
    )
    expect(failed.at(-1)).toBe('The upstream fixture does not read its input.')
    expect(failed[0]).toContain('did not answer')
  })
})

describe('a process ends', () => {
  test('when it was idle for ten minutes, and not before, nor while somebody listens', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
    const upstream = start()
    const peers = [
      await upstream.peer(speakerOf('legacy')),
      await upstream.peer(speakerOf('legacy')),
    ] as const
    await peers[1].listen({}, { signal: new AbortController().signal, onNotification: () => undefined })
    const [idle, listened] = [
      Number(textOf(await call(peers[0], 'pid'))),
      Number(textOf(await call(peers[1], 'pid'))),
    ]
    vi.advanceTimersByTime(9 * 60_000)
    await call(peers[0], 'echo')
    vi.advanceTimersByTime(9 * 60_000)
    expect(isAlive(idle)).toBe(true)
    vi.advanceTimersByTime(2 * 60_000)
    vi.useRealTimers()
    await isOver(idle)
    expect(isAlive(listened)).toBe(true)
    expect(textOf(await call(peers[0], 'echo', 'back'))).toBe('back')
  })

  test('when its speaker leaves, with all that it started', async () => {
    const upstream = start()
    const speaker = speakerOf('legacy')
    const peer = await upstream.peer(speaker)
    const pids = [Number(textOf(await call(peer, 'pid'))), Number(textOf(await call(peer, 'child')))]
    expect(pids.map(isAlive)).toEqual([true, true])
    upstream.leave(speaker.id)
    await Promise.all(pids.map(isOver))
  })

  test('with all that it started when it crashes', async () => {
    const peer = await start().peer(speakerOf('legacy'))
    const child = Number(textOf(await call(peer, 'child')))
    await call(peer, 'crash').catch(() => undefined)
    await isOver(child)
  })

  describe.runIf(process.platform === 'linux')('and what has left its group', () => {
    test.for(['marked', 'bare', 'orphan'])('ends with it (%s)', async (kind) => {
      const upstream = start()
      const peer = await upstream.peer(speakerOf('legacy'))
      const pid = Number(textOf(await call(peer, 'escapes', kind)))
      expect(isAlive(pid)).toBe(true)
      await upstream[Symbol.asyncDispose]()
      await isOver(pid)
    })

    test.for(['marked', 'orphan'])('ends when it crashes (%s)', async (kind) => {
      const peer = await start().peer(speakerOf('legacy'))
      const pid = Number(textOf(await call(peer, 'escapes', kind)))
      await call(peer, 'crash').catch(() => undefined)
      await isOver(pid)
    })

    test('is another’s, if it is of another process: that one goes on', async () => {
      const upstream = start()
      const [one, two] = [await upstream.peer(speakerOf('legacy')), await upstream.peer(speakerOf('legacy'))]
      const [gone, stays] = [await call(one, 'escapes'), await call(two, 'escapes')].map((each) =>
        Number(textOf(each)),
      )
      await call(one, 'crash').catch(() => undefined)
      await isOver(gone!)
      expect(isAlive(stays!)).toBe(true)
    })
  })

  test('and what has left its group speaks no longer in its name', async () => {
    const escaped = `setInterval(() => console.log(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { pid: process.pid } })), 50)`
    const leader = `
      require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(escaped)}], { detached: true, stdio: ['ignore', 'inherit', 'ignore'] })
      process.stdin.on('data', (lines) => {
        for (const { id, method } of String(lines).trim().split('\\n').map((line) => JSON.parse(line))) {
          if (method === 'tools/call') process.exit()
          if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'x', version: '1' } } }))
        }
      })`
    const upstream = connectUpstream(
      { slug: 'x', transport: 'stdio', command: process.execPath, args: ['-e', leader], env: {}, path: '' },
      silent,
    )
    open.push(upstream)
    const speaker = speakerOf('legacy')
    const peer = await upstream.peer(speaker)
    await vi.waitFor(() => expect(speaker.told.length).toBeGreaterThan(0), { timeout: 5_000 })
    await expect(call(peer, 'end')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const told = speaker.told.length
    // It ends by the pipe that nobody reads any more.
    await isOver(speaker.told[0]?.params?.['pid'] as number)
    expect(speaker.told.length).toBe(told)
  })

  test('though it ignores the end of its input and SIGTERM', async () => {
    const upstream = start({ args: ['--deaf'] })
    const peer = await upstream.peer(speakerOf('legacy'))
    const pid = Number(textOf(await call(peer, 'pid')))
    await upstream[Symbol.asyncDispose]()
    await isOver(pid)
  })
})

describe('in the legacy era', () => {
  test('each speaker has a process of its own, and at most sixteen run', async () => {
    const upstream = start()
    const peers = await Promise.all(Array.from({ length: 16 }, () => upstream.peer(speakerOf('legacy'))))
    const pids: number[] = []
    for (const peer of peers) pids.push(Number(textOf(await call(peer, 'pid'))))
    expect(new Set(pids).size).toBe(16)
    // The longest idle one makes room, and comes back when it is needed.
    const next = await upstream.peer(speakerOf('legacy'))
    await isOver(pids[0]!)
    expect(pids.slice(1).every(isAlive)).toBe(true)
    expect(textOf(await call(next, 'echo', 'there'))).toBe('there')
    expect(textOf(await call(peers[0]!, 'echo', 'back'))).toBe('back')
  })

  test('none makes room while it works', async () => {
    const upstream = start()
    const peers = await Promise.all(Array.from({ length: 16 }, () => upstream.peer(speakerOf('legacy'))))
    const gone = new AbortController()
    const hanging = peers.map((peer) =>
      call(peer, 'hang', '', { signal: gone.signal }).catch(() => undefined),
    )
    await expect(upstream.peer(speakerOf('legacy'))).rejects.toMatchObject({
      message: expect.stringContaining('16 processes, all of them busy'),
    })
    gone.abort()
    await Promise.all(hanging)
    await expect(upstream.peer(speakerOf('legacy'))).resolves.toBeDefined()
  })

  test('one subject has twelve at most, whoever it says it is, and others find one', async () => {
    const upstream = start()
    const mine = () => upstream.peer(speakerOf('legacy', { subject: 'key' }))
    const peers = await Promise.all(Array.from({ length: 12 }, mine))
    const gone = new AbortController()
    const [first, ...others] = peers
    const idle = Number(textOf(await call(first!, 'pid')))
    const hanging = others.map((peer) =>
      call(peer, 'hang', '', { signal: gone.signal }).catch(() => undefined),
    )
    // Its own idle one makes room, nobody else's.
    const thirteenth = await mine()
    await isOver(idle)
    hanging.push(call(thirteenth, 'hang', '', { signal: gone.signal }).catch(() => undefined))
    await expect(mine()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('12 processes for this credential, all of them busy'),
    })
    expect(textOf(await call(await upstream.peer(speakerOf('legacy')), 'echo', 'there'))).toBe('there')
    gone.abort()
    await Promise.all(hanging)
    await expect(mine()).resolves.toBeDefined()
  })

  test('are kept for listening in half of their number alone, so that calls find one', async () => {
    const upstream = start()
    const end = new AbortController()
    const options = { signal: end.signal, onNotification: () => undefined }
    const listeners = await Promise.all(Array.from({ length: 8 }, () => upstream.peer(speakerOf('legacy'))))
    for (const each of listeners) await each.listen({ toolsListChanged: true }, options)
    const ninth = await upstream.peer(speakerOf('legacy'))
    await expect(ninth.listen({ toolsListChanged: true }, options)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('8 processes for clients that listen'),
    })
    // Who listens already may listen for more.
    await listeners[0]?.listen({ promptsListChanged: true }, options)
    for (let each = 0; each < 10; each++)
      expect(textOf(await call(await upstream.peer(speakerOf('legacy')), 'echo', 'a'))).toBe('a')
    end.abort()
    await ninth.listen({ toolsListChanged: true }, { ...options, signal: new AbortController().signal })
  })

  test('progress finds its request, and what says nothing of it is the newest request’s', async () => {
    const speaker = speakerOf('legacy')
    const peer = await start().peer(speaker)
    const told: [string, Message][] = []
    const ask = (text: string) =>
      peer.request(
        'tools/call',
        { name: 'tells', arguments: { text }, _meta: { progressToken: `token ${text}` } },
        {
          ...within,
          onNotification: (message) => void told.push([text, message]),
        },
      )
    await ask('alone')
    expect(told).toEqual([
      [
        'alone',
        {
          method: 'notifications/progress',
          params: { progressToken: 'token alone', progress: 1, text: 'alone' },
        },
      ],
      ['alone', { method: 'notifications/message', params: { data: 'alone' } }],
    ])
    told.length = 0
    await Promise.all(['a', 'b', 'c'].map(ask))
    const progress = told.filter(([, { method }]) => method === 'notifications/progress')
    expect(progress.map(([text, { params }]) => [text, params?.['text'], params?.['progressToken']])).toEqual(
      ['a', 'b', 'c'].map((text) => [text, text, `token ${text}`]),
    )
    await call(peer, 'later', 'after')
    await vi.waitFor(() =>
      expect(speaker.told).toEqual([{ method: 'notifications/message', params: { data: 'after' } }]),
    )
  })

  test('a question is its request’s', async () => {
    const speaker = speakerOf('legacy')
    const peer = await start().peer(speaker)
    const onRequest = () => Promise.resolve({ result: { role: 'assistant' } })
    expect(JSON.parse(textOf(await call(peer, 'asks', 'x', { onRequest })) ?? '')).toEqual({
      jsonrpc: '2.0',
      id: 'q1',
      result: { role: 'assistant' },
    })
    expect(speaker.asked).toEqual([])
  })

  test('changes reach those who listen, also while a request runs', async () => {
    const peer = await start().peer(speakerOf('legacy'))
    const told: Message[] = []
    const end = new AbortController()
    const filter = { toolsListChanged: true, promptsListChanged: true }
    const listening = await peer.listen(filter, {
      signal: end.signal,
      onNotification: (message) => void told.push(message),
    })
    expect(listening.honored).toEqual({ toolsListChanged: true })
    await call(peer, 'changes', '', { onNotification: () => undefined })
    expect(told).toEqual([{ method: 'notifications/tools/list_changed' }])
    end.abort()
    await listening.ended
  })
})

describe('which era a server has', () => {
  test.for([
    ['legacy', 'legacy', 'legacy', []],
    ['legacy', 'modern', 'legacy', []],
    ['legacy', 'modern', 'legacy', ['--probe', 'ignore']],
    ['legacy', 'modern', 'legacy', ['--probe', 'die']],
    ['legacy', 'modern', 'legacy', ['--probe', 'leave']],
    ['legacy', 'modern', 'legacy', ['--probe', 'sulk']],
    ['modern', 'legacy', 'modern', []],
    ['modern', 'modern', 'modern', []],
    ['modern', 'modern', 'modern', ['--slow', '2500']],
    ['legacy', 'modern', 'legacy', ['--slow', '2500']],
    ['both', 'legacy', 'legacy', []],
    ['both', 'modern', 'modern', []],
  ] as const)(
    'one of the %s era answers a %s speaker in the %s one (%j)',
    async ([has, speaks, spoken, args]) => {
      const upstream = start({ args: ['--era', has, ...args] })
      const peer = await upstream.peer(speakerOf(speaks))
      expect(peer.era).toBe(spoken)
      expect(textOf(await call(peer, 'echo', 'hello'))).toBe('hello')
      if (args.length > 0 && has === 'legacy') return
      const again = await upstream.peer(speakerOf(speaks))
      expect(again.era).toBe(spoken)
      expect(textOf(await call(again, 'echo', 'again'))).toBe('again')
    },
  )

  test('is found out without a process to spare', async () => {
    const upstream = start()
    const speaker = speakerOf('modern')
    const peer = await upstream.peer(speaker)
    const heard = JSON.parse(textOf(await call(peer, 'heard')) ?? '') as { method: string }[]
    expect(heard.map(({ method }) => method)).toEqual([
      'server/discover',
      'initialize',
      'notifications/initialized',
      'tools/call',
    ])
  })
})

describe('in the modern era', () => {
  const modern = () => start({ args: ['--era', 'modern'] })

  test('all speakers share one process, which is told whose each request is', async () => {
    const upstream = modern()
    const ada = await upstream.peer(speakerOf('modern'))
    const bob = await upstream.peer({ ...speakerOf('modern'), clientInfo: { name: 'bob', version: '1' } })
    expect(textOf(await call(ada, 'pid'))).toBe(textOf(await call(bob, 'pid')))
    const heard = textOf(await call(bob, 'heard')) ?? ''
    expect(heard).toContain('"io.modelcontextprotocol/clientInfo":{"name":"bob","version":"1"}')
    expect(heard).toContain('"io.modelcontextprotocol/clientInfo":{"name":"tester","version":"1"}')
  })

  test('what does not say whose it is reaches nobody while several are under way, and nobody else after', async () => {
    const upstream = modern()
    const ada = speakerOf('modern')
    const [one, two] = [await upstream.peer(ada), await upstream.peer(speakerOf('modern'))]
    const told: [string, Message][] = []
    const ask = (peer: Peer, text: string, name = 'tells') =>
      peer.request(
        'tools/call',
        { name, arguments: { text }, _meta: { progressToken: text } },
        {
          ...within,
          onNotification: (message) => void told.push([text, message]),
        },
      )
    await Promise.all([ask(one, 'a'), ask(two, 'b')])
    expect(told.map(([text, { method, params }]) => [text, method, params?.['text']])).toEqual([
      ['a', 'notifications/progress', 'a'],
      ['b', 'notifications/progress', 'b'],
    ])
    told.length = 0
    await ask(one, 'late secret', 'later')
    const hanging = call(two, 'hang', '', {
      timeoutMs: 300,
      onNotification: (message) => void told.push(['b', message]),
    })
    await expect(hanging).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    expect(told).toEqual([])
    expect(ada.told).toEqual([])
  })

  test('what a request tells alone is its own', async () => {
    const peer = await modern().peer(speakerOf('modern'))
    const told: Message[] = []
    await call(peer, 'tells', 'x', { onNotification: (message) => void told.push(message) })
    expect(told).toEqual([{ method: 'notifications/message', params: { data: 'x' } }])
  })

  test('a server’s question is not heard, and no answer is written', async () => {
    const speaker = speakerOf('modern')
    const peer = await modern().peer(speaker)
    expect(textOf(await call(peer, 'asks'))).toBeUndefined()
    expect(speaker.asked).toEqual([])
  })

  test('each who listens gets the changes of its own subscription, until it ends', async () => {
    const upstream = modern()
    const told: [string, Message][] = []
    const ends = [new AbortController(), new AbortController()] as const
    const [one, two] = [await upstream.peer(speakerOf('modern')), await upstream.peer(speakerOf('modern'))]
    const listen = (peer: Peer, name: string, filter: object, end: AbortController) =>
      peer.listen(filter as Parameters<Peer['listen']>[0], {
        signal: end.signal,
        onNotification: (message) => void told.push([name, message]),
      })
    const first = await listen(one, 'one', { toolsListChanged: true }, ends[0])
    const second = await listen(two, 'two', { promptsListChanged: true }, ends[1])
    expect([first.honored, second.honored]).toEqual([
      { toolsListChanged: true },
      { promptsListChanged: true },
    ])
    await call(one, 'changes')
    expect(told).toEqual([['one', { method: 'notifications/tools/list_changed', params: {} }]])
    ends[0].abort()
    await first.ended
    expect(textOf(await call(one, 'heard'))).toContain('notifications/cancelled')
    await call(one, 'ends')
    await second.ended
  })

  test('a crash ends what is under way and what is listened for, and the next request starts another process', async () => {
    const peer = await modern().peer(speakerOf('modern'))
    const listening = await peer.listen(
      {},
      { signal: new AbortController().signal, onNotification: () => undefined },
    )
    await expect(call(peer, 'crash')).rejects.toMatchObject({
      message: expect.stringContaining('exit code 3'),
    })
    await listening.ended
    expect(textOf(await call(peer, 'echo', 'again'))).toBe('again')
  })

  test('one speaker’s cancellation of an id does not reach another’s request', async () => {
    const upstream = modern()
    const [one, two] = [await upstream.peer(speakerOf('modern')), await upstream.peer(speakerOf('modern'))]
    const gone = new AbortController()
    const hanging = call(one, 'hang', '', { signal: gone.signal }).catch(() => undefined)
    await two.notify('notifications/cancelled', { requestId: 1 })
    await two.notify('notifications/custom', { a: 1 })
    const heard = textOf(await call(two, 'heard')) ?? ''
    expect(heard).not.toContain('notifications/cancelled')
    expect(heard).toContain('notifications/custom')
    gone.abort()
    await hanging
  })
})
