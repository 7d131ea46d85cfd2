import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openDataDir, type DataDir } from './data-dir.ts'
import { openLetters } from './mailbox/letters.ts'
import { startMailbox } from './mailbox.ts'

let stack: AsyncDisposableStack
let folder: string
let dataDir: DataDir
let port: number
const progress = () => undefined

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  folder = mkdtempSync(join(tmpdir(), 'mcpshield-mailbox-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  dataDir = stack.use(openDataDir(folder))
  port = await freePort()
})
afterEach(() => stack.disposeAsync())

const start = async () =>
  stack.use(await startMailbox({ dataDir, env: { MAIL_PORT: String(port) }, progress }))

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  server.close()
  return address.port
}

type Sent = { to?: string; subject?: string; body?: string }

/** Speaks SMTP; resolves with the server's answers. */
async function sendMail(smtpUrl: string, { to = 'ada@example.org', subject = 'Hi', body = 'Hello' }: Sent) {
  const socket = connect(Number(new URL(smtpUrl).port), '127.0.0.1')
  let answers = ''
  socket.on('data', (chunk: Buffer) => (answers += chunk.toString()))
  const content = `From: MCPShield <noreply@example.org>\r\nTo: Ada <${to}>\r\nSubject: ${subject}\r\nMessage-ID: <1@example.org>\r\n${body}`
  const lines = [
    'EHLO me',
    'MAIL FROM:<noreply@example.org>',
    `RCPT TO:<${to}>`,
    'DATA',
    `${content}\r\n.`,
    'QUIT',
  ]
  for (const [at, line] of lines.entries()) {
    await vi.waitFor(() => expect(answers.match(/^\d{3} /gm)?.length).toBeGreaterThan(at))
    socket.write(`${line}\r\n`)
  }
  await once(socket, 'close')
  return answers
}

const text = (body: string) => `Content-Type: text/plain\r\n\r\n${body}`
const html = (body: string) => `Content-Type: text/html\r\n\r\n${body}`

type Listed = { total: number; messages: { ID: string; Subject: string; Snippet: string; To: unknown[] }[] }
const ask = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).json() as Promise<Listed>

test('a mail that was taken is listed, newest first, with its code in the snippet, and can be read', async () => {
  const mailbox = await start()
  await sendMail(mailbox.url, { subject: 'first', body: text('Your code:\r\n\r\n    424242') })
  await sendMail(mailbox.url, { subject: 'second', to: 'grace@example.org', body: html('<b>Hi</b>') })
  const { total, messages } = await ask('/api/v1/messages?limit=1')
  expect(total).toBe(2)
  expect(messages.map(({ Subject }) => Subject)).toEqual(['second'])
  const [first] = (await ask('/api/v1/search?query=to:"ada@example.org"')).messages
  expect(first).toMatchObject({
    Subject: 'first',
    MessageID: '1@example.org',
    Snippet: 'Your code: 424242',
    Read: false,
    From: { Name: 'MCPShield', Address: 'noreply@example.org' },
    To: [{ Name: 'Ada', Address: 'ada@example.org' }],
  })
  const mail = await ask(`/api/v1/message/${first?.ID}`)
  expect(mail).toMatchObject({ Subject: 'first', HTML: '' })
  expect(mail).toHaveProperty('Text', expect.stringContaining('424242'))
  expect(mailbox.page).toBe(`http://localhost:${port}`)
})

test('mails survive a restart and a kill; the SMTP address stays', async () => {
  const mailbox = await start()
  await sendMail(mailbox.url, { subject: 'kept' })
  process.kill(mailbox.pid!, 'SIGKILL')
  await vi.waitFor(async () => expect((await ask('/api/v1/messages')).total).toBe(1), 10_000)
  await sendMail(mailbox.url, { subject: 'after the kill' })
  await mailbox[Symbol.asyncDispose]()
  const again = await start()
  expect(again.url).toBe(mailbox.url)
  expect((await ask('/api/v1/messages')).messages.map(({ Subject }) => Subject)).toEqual([
    'after the kill',
    'kept',
  ])
})

test('all mails, or those that are named, can be deleted', async () => {
  const mailbox = await start()
  for (const subject of ['one', 'two', 'three']) await sendMail(mailbox.url, { subject })
  const { messages } = await ask('/api/v1/messages')
  const remove = (body?: string) =>
    fetch(`http://127.0.0.1:${port}/api/v1/messages`, { method: 'DELETE', ...(body ? { body } : {}) })
  expect((await remove('nonsense')).status).toBe(400)
  await remove(JSON.stringify({ IDs: [messages[0]?.ID, '../../secrets/master-key'] }))
  expect((await ask('/api/v1/messages')).total).toBe(2)
  await remove()
  expect((await ask('/api/v1/messages')).total).toBe(0)
  expect(readdirSync(join(folder, 'mailbox'))).toEqual([])
})

test('a mail’s own HTML runs nothing and loads nothing', async () => {
  const mailbox = await start()
  await sendMail(mailbox.url, {
    body: html('<head></head><script>alert(1)</script><img src="https://evil.example/x">'),
  })
  const [mail] = (await ask('/api/v1/messages')).messages
  const shown = await fetch(`http://127.0.0.1:${port}/view/${mail?.ID}.html`)
  expect(await shown.text()).toContain('<head><base target="_blank">')
  const policy = shown.headers.get('content-security-policy') ?? ''
  expect(policy).toMatch(/default-src 'none'/)
  expect(policy).toMatch(/sandbox(?!.*allow-scripts)(?!.*allow-same-origin)/)
  expect(policy).not.toMatch(/script-src|https/)
})

test('the page allows no foreign or inline script, and is whole', async () => {
  await start()
  for (const [path, type] of [
    ['/', 'text/html'],
    ['/page.css', 'text/css'],
    ['/page.js', 'text/javascript'],
  ]) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`)
    expect(answer.headers.get('content-type')).toContain(type)
    expect(answer.headers.get('content-security-policy')).toMatch(/default-src 'none'.*script-src 'self'/)
  }
  const page = await (await fetch(`http://127.0.0.1:${port}/`)).text()
  expect(page).not.toMatch(/style=|onclick=|<script>|https?:/)
})

test('whoever asks under a foreign name is refused: DNS rebinding', async () => {
  await start()
  const statusFor = (host: string) =>
    new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, path: '/api/v1/messages', headers: { host } }, (answer) => {
        answer.resume()
        resolve(answer.statusCode)
      }).on('error', reject)
    })
  expect(await statusFor(`localhost:${port}`)).toBe(200)
  expect(await statusFor('127.0.0.1')).toBe(200)
  expect(await statusFor(`evil.example:${port}`)).toBe(403)
  expect(await statusFor('localhost.evil.example')).toBe(403)
})

test.for([
  '/api/v1/message/..%2f..%2fports.json',
  '/view/x.html',
  '/raw/nothing',
  '/nowhere',
  '//',
  '/api/v1/message/%00',
])('%s is not there', async (path) => {
  await start()
  expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(404)
})

test('a mail that is too large is refused and not kept', async () => {
  const mailbox = await start()
  const answers = await sendMail(mailbox.url, { body: text('x'.repeat(998) + '\r\n').repeat(2_200) })
  expect(answers).toMatch(/^552 /m)
  expect((await ask('/api/v1/messages')).total).toBe(0)
})

test('only the newest are kept', async () => {
  const place = join(folder, 'few')
  const letters = makeLetters(place, 3)
  const ids = ['a', 'b', 'c', 'd', 'e'].map((subject) =>
    letters.add(Buffer.from(`Subject: ${subject}\r\n\r\n`)),
  )
  expect((await letters.list()).map(({ Subject }) => Subject)).toEqual(['e', 'd', 'c'])
  expect(readdirSync(place).sort()).toEqual(ids.slice(2).map((id) => `${id}.eml`))
  expect((await openLetters(place, 2).list()).map(({ Subject }) => Subject)).toEqual(['e', 'd'])
})

function makeLetters(place: string, keep: number) {
  mkdirSync(place)
  return openLetters(place, keep)
}
