// HTTP as a stranger on the internet speaks it, over addresses that may be elsewhere than their names say.
import { request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as requestTls } from 'node:https'
import type { TLSSocket } from 'node:tls'

export type Answer = {
  status: number
  /** Each header as often as it came. */
  headers: Record<string, string[]>
  text: string
  /** Undefined over plain HTTP. */
  certificateEndsAt: Date | undefined
}

export type Asked = { method?: string; headers?: Record<string, string>; body?: unknown }

/** Rejects when there is no answer; any status is one. */
export type Ask = (url: string, asked?: Asked) => Promise<Answer>

const WITHIN_MS = 20_000
const MAX_BODY_BYTES = 8 * 1024 * 1024

export type ConnectTo = {
  host: string
  port: number
  /** For what is asked without TLS. */
  plainPort?: number
  /** Certificate of an authority that is trusted beside the system's. */
  authority?: string
}

/** `connectTo`: where everything is asked, whatever it is called. */
export function asking(connectTo?: ConnectTo): Ask {
  return (address, { method = 'GET', headers = {}, body } = {}) => {
    const url = new URL(address)
    const isTls = url.protocol === 'https:'
    const text = body === undefined ? undefined : JSON.stringify(body)
    const port = isTls ? connectTo?.port : (connectTo?.plainPort ?? connectTo?.port)
    const options: RequestOptions & { servername?: string; ca?: string } = {
      method,
      host: connectTo?.host ?? url.hostname.replace(/^\[|\]$/g, ''),
      port: port ?? (url.port || (isTls ? 443 : 80)),
      path: `${url.pathname}${url.search}`,
      agent: false,
      signal: AbortSignal.timeout(WITHIN_MS),
      headers: {
        host: url.host,
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        ...headers,
      },
      ...(isTls ? { servername: url.hostname } : {}),
      ...(connectTo?.authority === undefined ? {} : { ca: connectTo.authority }),
    }
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const request = (isTls ? requestTls : requestPlain)(options, (response) => {
      answerOf(response, isTls).then(resolve, reject)
    })
    request.on('error', reject)
    request.end(text)
    return promise
  }
}

async function answerOf(response: IncomingMessage, isTls: boolean): Promise<Answer> {
  const chunks: Buffer[] = []
  let bytes = 0
  const certificate = isTls ? (response.socket as TLSSocket).getPeerCertificate().valid_to : undefined
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw new Error('the answer is larger than any of ours')
    chunks.push(chunk)
  }
  return {
    status: response.statusCode ?? 0,
    headers: headersOf(response.rawHeaders),
    text: Buffer.concat(chunks).toString('utf8'),
    certificateEndsAt: certificate === undefined ? undefined : new Date(certificate),
  }
}

function headersOf(raw: string[]): Record<string, string[]> {
  const headers: Record<string, string[]> = {}
  for (let index = 0; index < raw.length; index += 2)
    (headers[(raw[index] ?? '').toLowerCase()] ??= []).push(raw[index + 1] ?? '')
  return headers
}
