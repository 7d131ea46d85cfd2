// The REST API as anybody on the network may speak to it: any method, any header, any bytes.
import { request, type Dispatcher } from 'undici'

export type Credential = { token?: string; key?: string }

export type HttpRequest = Credential & {
  method: string
  path: string
  headers?: Record<string, string>
  /** Sent as JSON, unless it is text already. */
  body?: unknown
}

export type HttpAnswer = {
  status: number
  headers: Dispatcher.ResponseData['headers']
  text: string
  json<T = Record<string, unknown>>(): T
}

export type Http = (asked: HttpRequest) => Promise<HttpAnswer>

const STREAM_BYTES = 64
let requests = 0

/**
 * Each request comes from a network of its own, where the gateway believes its proxies: what one test did wrong is not
 * held against the next. Of an endless answer only the beginning is read.
 */
export function httpOf(api: string): Http {
  return async ({ method, path, headers = {}, body, token, key }) => {
    const answer = await request(api + path, {
      method: method,
      headers: {
        'x-forwarded-for': nextAddress(),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(key === undefined ? {} : { 'x-api-key': key }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await read(answer)
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text,
      json: <T>() => JSON.parse(text) as T,
    }
  }
}

async function read({ headers, body }: Dispatcher.ResponseData): Promise<string> {
  if (!String(headers['content-type']).startsWith('text/event-stream')) return body.text()
  let text = ''
  for await (const chunk of body) {
    text += String(chunk)
    if (text.length > STREAM_BYTES || text.includes('\n\n')) break
  }
  body.destroy()
  return text
}

function nextAddress(): string {
  const n = requests++
  return `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
}
