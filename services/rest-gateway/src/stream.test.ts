// Over a real socket: what is at stake is what a client sees when a stream breaks or is not read.
import { connect } from 'node:net'
import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { AppError } from '@mcpshield/contracts/errors'
import { edge } from '../test/edge.ts'
import type { CallEndpoint } from './routes.ts'

const stack: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of stack.splice(0)) await end()
})

async function listening(options: Parameters<typeof edge>[0]) {
  const made = await edge(options)
  const address = await made.app.listen({ host: '127.0.0.1', port: 0 })
  stack.push(async () => {
    const closed = made.app.close()
    made.app.server.closeAllConnections()
    await closed
  })
  const token = await made.sign()
  const get = (path: string, signal?: AbortSignal) =>
    fetch(address + path, {
      headers: { authorization: `Bearer ${token}` },
      ...(signal === undefined ? {} : { signal }),
    })
  return { ...made, address, token, get, port: Number(new URL(address).port) }
}

/** An endpoint with these pieces; what it was asked is kept. */
function pieces(chunks: string[]) {
  const cursors: (string | undefined)[] = []
  const answer: CallEndpoint = async (_def, input) => {
    const cursor = input.cursor as string | undefined
    cursors.push(cursor)
    const at = Number(cursor ?? 0)
    return { chunk: chunks[at], next_cursor: at + 1 < chunks.length ? String(at + 1) : null }
  }
  return { cursors, answer }
}

describe('an answer of any length', () => {
  test('is all pieces in order, under the media type and file name of its form', async () => {
    const { cursors, answer } = pieces(['id,tool\n', '', 'x,ü\n', 'y,z\n'])
    const { get } = await listening({ answer, now: () => new Date('2026-11-27T10:00:00Z') })
    const csv = await get('/audits/export?format=csv&tool=x')
    expect(csv.status).toBe(200)
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(csv.headers.get('content-disposition')).toBe('attachment; filename="audits-2026-11-27.csv"')
    expect(csv.headers.get('x-content-type-options')).toBe('nosniff')
    expect(csv.headers.get('ratelimit-limit')).toBe('30')
    expect(await csv.text()).toBe('id,tool\nx,ü\ny,z\n')
    expect(cursors).toEqual([undefined, '1', '2', '3'])
  })

  test('has the form that the contract gives it when none is asked for', async () => {
    const { get } = await listening({ answer: pieces(['{}\n']).answer })
    const answer = await get('/audits/export')
    expect(answer.headers.get('content-type')).toBe('application/jsonl; charset=utf-8')
    expect(answer.headers.get('content-disposition')).toMatch(/\.jsonl"$/)
  })

  test('is a problem when it goes wrong before the first byte', async () => {
    const refusal = new AppError('INVALID_ARGUMENT', 'No.', { errors: [{ path: 'format', message: 'm' }] })
    const { get } = await listening({ answer: () => Promise.reject(refusal) })
    const answer = await get('/audits/export?format=xml')
    expect(answer.status).toBe(400)
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(await answer.json()).toMatchObject({ errors: [{ path: 'format' }] })
  })

  test('never looks whole when it breaks later', async () => {
    const good = pieces(['a\n', 'b\n', 'c\n'])
    const { get } = await listening({
      answer: async (def, input, call) => {
        if (input.cursor === '2') throw new AppError('UNAVAILABLE', 'No.')
        return good.answer(def, input, call)
      },
    })
    const answer = await get('/audits/export')
    expect(answer.status).toBe(200)
    await expect(answer.text()).rejects.toThrow()
  })

  test('ends with the session', async () => {
    let open = true
    const { get } = await listening({
      session: { isOpen: async () => open },
      answer: async () => {
        open = false
        return { chunk: 'a\n', next_cursor: '1' }
      },
    })
    await expect((await get('/audits/export')).text()).rejects.toThrow()
  })

  test('that does not get on is cut off', async () => {
    const { get } = await listening({ answer: async () => ({ chunk: 'a\n', next_cursor: 'same' }) })
    await expect((await get('/audits/export')).text()).rejects.toThrow()
  })
})

describe('a reader', () => {
  const endless: CallEndpoint = async (_def, input) => ({
    chunk: 'x'.repeat(256 * 1024),
    next_cursor: String(Number(input.cursor ?? 0) + 1),
  })

  test('may have two open, not three, and a place is given back when one is left', async () => {
    const { get, app } = await listening({ answer: endless })
    const [first, others] = [new AbortController(), new AbortController()]
    await Promise.all([first, others].map(({ signal }) => get('/audits/export', signal)))
    const third = await get('/audits/export')
    expect(third.status).toBe(429)
    expect(await third.json()).toMatchObject({ type: 'urn:mcpshield:error:too_many_open' })
    expect((await app.inject('/metrics')).body).toContain('mcpshield_http_streams{kind="export"} 2')
    first.abort()
    await expect.poll(async () => (await get('/audits/export', others.signal)).status).toBe(200)
    others.abort()
  })

  test('that leaves stops the questions; one that does not read is not waited for for ever', async () => {
    let asked = 0
    const { port, token, app } = await listening({
      idleMs: 300,
      answer: async (def, input, call) => {
        asked++
        return endless(def, input, call)
      },
    })
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => undefined)
    socket.pause()
    socket.write(`GET /audits/export HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`)
    const streams = async () => (await app.inject('/metrics')).body
    await expect.poll(streams).toContain('mcpshield_http_streams{kind="export"} 1')
    // Back-pressure: no more is asked for than what lies in buffers on the way.
    await expect.poll(streams, { timeout: 5_000 }).toContain('mcpshield_http_streams{kind="export"} 0')
    expect(asked).toBeLessThan(100)
    socket.destroy()
    await once(socket, 'close')
  })
})
