// ClickHouse's HTTP protocol over the chdb library, as far as @clickhouse/client uses it. A process of its own:
// the engine is large, and one folder of data belongs to one process.
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip, constants } from 'node:zlib'
import { type Answer, type Engine, openEngine } from './chdb-engine.ts'
import { BadRequest, type ChRequest, isAuthentic, readRequest } from './chdb-request.ts'

const MAX_BODY_BYTES = 256 * 1024 * 1024
const USER = 'default'

export function chdbServer(engine: Engine, password: string) {
  return createServer({ requestTimeout: 0 }, (request, response) => {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    handle(engine, password, request, response, gone.signal).catch((error: unknown) => fail(response, error))
  })
}

async function handle(
  engine: Engine,
  password: string,
  request: IncomingMessage,
  response: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost')
  if (url.pathname === '/ping') return void response.end('Ok.\n')
  const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  if (!isAuthentic(headers, url.searchParams, USER, password)) {
    throw new BadRequest(
      516,
      'AUTHENTICATION_FAILED',
      `${USER}: Authentication failed: password is incorrect, or there is no user with such name`,
    )
  }
  if (url.pathname !== '/') throw new BadRequest(60, 'UNKNOWN_TABLE', `There is no handle ${url.pathname}`)
  const body = await readBody(request)
  const { parameters, text } = await withForm(url.searchParams, headers, body)
  const asked = readRequest(request.method ?? 'GET', parameters, headers, text)
  using answer = await engine.run(asked, gone)
  response.setHeader('X-ClickHouse-Query-Id', parameters.get('query_id') ?? crypto.randomUUID())
  response.setHeader('X-ClickHouse-Summary', summary(asked, answer))
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8')
  const zipped =
    parameters.get('enable_http_compression') === '1' && /\bgzip\b/.test(headers.get('accept-encoding') ?? '')
  await send(response, answer, zipped)
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const encoding = request.headers['content-encoding']
  if (encoding && encoding !== 'gzip')
    throw new BadRequest(48, 'NOT_IMPLEMENTED', `Unknown HTTP content encoding: ${encoding}`)
  const chunks: Buffer[] = []
  let bytes = 0
  // Counted after unzipping: a small body can hold a large one.
  const collect = async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) {
      bytes += chunk.length
      if (bytes > MAX_BODY_BYTES)
        throw new BadRequest(307, 'TOO_MANY_BYTES', `The body exceeds ${MAX_BODY_BYTES} bytes`)
      chunks.push(chunk)
    }
  }
  await (encoding ? pipeline(request, createGunzip(), collect) : pipeline(request, collect))
  return Buffer.concat(chunks)
}

// Large parameters come as a form beside the query.
async function withForm(
  inUrl: URLSearchParams,
  headers: Headers,
  body: Buffer,
): Promise<{ parameters: URLSearchParams; text: string }> {
  const type = headers.get('content-type') ?? ''
  if (!type.startsWith('multipart/form-data')) return { parameters: inUrl, text: body.toString('utf8') }
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData()
  const parameters = new URLSearchParams(inUrl)
  for (const [name, value] of form)
    parameters.append(name, typeof value === 'string' ? value : await value.text())
  return { parameters, text: '' }
}

function summary({ rowsSent }: ChRequest, { rowsRead, bytesRead }: Answer): string {
  const counts = { read_rows: rowsRead, read_bytes: bytesRead, written_rows: rowsSent, written_bytes: 0, total_rows_to_read: 0, result_rows: rowsSent, result_bytes: 0, elapsed_ns: 0 } // prettier-ignore
  return JSON.stringify(
    Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, String(count)])),
  )
}

async function send(response: ServerResponse, { pieces }: Answer, zipped: boolean): Promise<void> {
  const tag = randomBytes(8).toString('hex')
  response.setHeader('X-ClickHouse-Exception-Tag', tag)
  if (!zipped) return pipeline(endingInError(pieces, tag), response)
  response.setHeader('Content-Encoding', 'gzip')
  await pipeline(endingInError(pieces, tag), createGzip({ level: constants.Z_BEST_SPEED }), response)
}

// With the status line gone, an error is told at the end of the data, marked with a tag no data can guess.
async function* endingInError(pieces: Answer['pieces'], tag: string): AsyncIterable<Uint8Array> {
  try {
    yield* pieces
  } catch (error) {
    const message = `${messageOf(error)}\n`
    yield Buffer.from(
      `\r\n__exception__\r\n${tag}\r\n${message}${Buffer.byteLength(message)} ${tag}\r\n__exception__\r\n`,
    )
  }
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy()
  const message = messageOf(error)
  const code = Number(/Code: (\d+)/.exec(message)?.[1] ?? 1001)
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  response.writeHead(statusOf(code), {
    'X-ClickHouse-Exception-Code': String(code),
    'Content-Type': 'text/plain; charset=UTF-8',
  })
  response.end(`${message}\n`)
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return /Code: \d+/.test(message) ? message : `Code: 1001. DB::Exception: ${message}. (STD_EXCEPTION)`
}

// The few that ClickHouse itself distinguishes and a client or proxy might look at.
function statusOf(code: number): number {
  const statuses: Record<number, number> = {
    516: 403,
    48: 501,
    60: 404,
    81: 404,
    47: 404,
    46: 404,
    62: 400,
    27: 400,
    456: 400,
    159: 408,
    307: 413,
  }
  return statuses[code] ?? 500
}

if (import.meta.main) {
  const [folder, port] = process.argv.slice(2)
  const password = process.env.MCPSHIELD_CHDB_PASSWORD
  if (!folder || !port || !password)
    throw new Error('usage: MCPSHIELD_CHDB_PASSWORD=… chdb-server.ts DATA_FOLDER PORT')
  const engine = openEngine(folder)
  const server = chdbServer(engine, password)
  const stop = () => {
    server.close(() => {
      engine[Symbol.dispose]()
      process.exit(0)
    })
    server.closeIdleConnections()
    setTimeout(() => server.closeAllConnections(), 3000).unref()
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop)
  process.once('disconnect', stop) // whoever started it is gone, perhaps by kill -9
  server.listen(Number(port), '127.0.0.1', () => process.send?.('ready'))
}
