// The side that shows mails: a page and a JSON API in the shape of Mailpit's, for this machine only.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Letters } from './letters.ts'
import { matches } from './query.ts'

const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
// A mail is a stranger's: it runs nothing, loads nothing, and stands in an origin of its own. Its links open elsewhere.
const MAIL_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"

const FILES: Record<string, { file: string; type: string }> = {
  '/': { file: 'page.html', type: 'text/html' },
  '/page.css': { file: 'page.css', type: 'text/css' },
  '/page.js': { file: 'page.js', type: 'text/javascript' },
}
const DEFAULT_LIMIT = 50
const MAX_BODY_BYTES = 100_000

export async function listenWeb(port: number, letters: Letters): Promise<AsyncDisposable> {
  const server = createServer((request, response) => {
    answer(request, letters).then(
      (reply) => send(response, reply),
      (error: unknown) => {
        console.error(error)
        send(response, refusal(500, 'Something went wrong; see the mailbox’s log.'))
      },
    )
  })
  server.requestTimeout = 10_000
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

type Reply = { status: number; type: string; body: string | Buffer; policy?: string }

async function answer(request: IncomingMessage, letters: Letters): Promise<Reply> {
  // A page of the internet whose name was made to mean this machine comes with its own name.
  if (!isLoopback(request.headers.host)) return refusal(403, 'Ask for localhost.')
  const url = URL.parse(request.url ?? '/', 'http://localhost')
  if (url === null) return refusal(404, 'There is no such page.')
  const file = FILES[url.pathname]
  if (request.method === 'DELETE' && url.pathname === '/api/v1/messages') return removeMails(request, letters)
  if (request.method !== 'GET') return refusal(405, 'Only GET, and DELETE /api/v1/messages.')
  if (file !== undefined) {
    const body = readFileSync(join(import.meta.dirname, file.file))
    return { status: 200, type: `${file.type}; charset=utf-8`, body }
  }
  if (url.pathname === '/api/v1/messages') return listMails(letters, url.searchParams, '')
  if (url.pathname === '/api/v1/search')
    return listMails(letters, url.searchParams, url.searchParams.get('query') ?? '')
  const [, kind, id = ''] = /^\/(api\/v1\/message|view|raw)\/([^/]+)$/.exec(url.pathname) ?? []
  if (kind === 'api/v1/message') return showMail(letters, id)
  if (kind === 'view') return viewMail(letters, id.replace(/\.html$/, ''))
  if (kind === 'raw') return rawMail(letters, id)
  return refusal(404, 'There is no such page.')
}

function isLoopback(host: string | undefined): boolean {
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(host ?? '')
}

async function listMails(letters: Letters, params: URLSearchParams, query: string): Promise<Reply> {
  const found = (await letters.list()).filter((mail) => matches(mail, query))
  const start = countOf(params, 'start', 0)
  const messages = found.slice(start, start + countOf(params, 'limit', DEFAULT_LIMIT))
  return json({ total: found.length, count: messages.length, start, messages })
}

function countOf(params: URLSearchParams, name: string, byDefault: number): number {
  const text = params.get(name) ?? ''
  return /^\d{1,6}$/.test(text) ? Number(text) : byDefault
}

async function showMail(letters: Letters, id: string): Promise<Reply> {
  const mail = await letters.read(id)
  return mail === undefined ? noMail() : json(mail)
}

async function viewMail(letters: Letters, id: string): Promise<Reply> {
  const mail = await letters.read(id)
  if (mail === undefined) return noMail()
  const body = mail.HTML.replace(/<head[^>]*>|^/i, (head) => `${head}<base target="_blank">`)
  return { status: 200, type: 'text/html; charset=utf-8', body, policy: MAIL_POLICY }
}

function rawMail(letters: Letters, id: string): Reply {
  const raw = letters.raw(id)
  return raw === undefined ? noMail() : { status: 200, type: 'text/plain; charset=utf-8', body: raw }
}

/** All of them, or those of `{"IDs": […]}`. */
async function removeMails(request: IncomingMessage, letters: Letters): Promise<Reply> {
  let text = ''
  for await (const chunk of request as AsyncIterable<Buffer>) {
    text += chunk.toString()
    if (text.length > MAX_BODY_BYTES) return refusal(413, 'That is too long.')
  }
  const ids = idsOf(text)
  if (ids === null) return refusal(400, 'The body is {"IDs": ["…"]}, or empty.')
  letters.remove(ids)
  return { status: 200, type: 'text/plain; charset=utf-8', body: 'ok' }
}

function idsOf(text: string): string[] | undefined | null {
  if (text.trim() === '') return undefined
  try {
    const { IDs } = JSON.parse(text) as { IDs?: unknown }
    if (IDs === undefined) return undefined
    return Array.isArray(IDs) && IDs.every((id) => typeof id === 'string') ? IDs : null
  } catch {
    return null
  }
}

const noMail = () => refusal(404, 'There is no such mail.')

function json(value: unknown): Reply {
  return { status: 200, type: 'application/json', body: JSON.stringify(value) }
}

function refusal(status: number, why: string): Reply {
  return { status, type: 'text/plain; charset=utf-8', body: `${why}\n` }
}

function send(response: ServerResponse, { status, type, body, policy = PAGE_POLICY }: Reply): void {
  response.writeHead(status, {
    'content-type': type,
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  })
  response.end(body)
}
