// A request's body, bounded, as text.
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'

/** `too large`: what came of it is not kept. `gone`: the client went away while it was sending. */
export type Body = { text: string } | 'too large' | 'not UTF-8' | 'gone'

export function readBody(request: IncomingMessage, maxBytes: number): Promise<Body> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return Promise.resolve('too large')
  return new Promise((resolve) => {
    let only: Buffer | undefined
    let chunks: Buffer[] | undefined
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxBytes) {
        chunks = undefined
        resolve('too large')
      } else if (only === undefined) only = chunk
      else (chunks ??= [only]).push(chunk)
    })
    request.on('end', () => resolve(textOf(chunks === undefined ? only : Buffer.concat(chunks))))
    request.on('close', () => resolve('gone'))
    request.on('error', () => resolve('gone'))
  })
}

function textOf(bytes: Buffer | undefined): Body {
  if (bytes === undefined) return { text: '' }
  return isUtf8(bytes) ? { text: bytes.toString() } : 'not UTF-8'
}
