// The body of a response, unpacked and bounded: neither the network nor a small packed body can fill the memory.
import type { Readable } from 'node:stream'
import { type Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import type { JsonValue } from '@mcpshield/policy/facts'
import { AppError } from '@mcpshield/contracts/errors'
import { parseDocument } from '@mcpshield/redact/json-text'
import type { Answer, Grant } from './connector.ts'
import { shownBytes, shownText, textOf } from './shown-text.ts'

/** What responses may be packed with; only one at a time. */
export const ACCEPTED_ENCODINGS = 'gzip, deflate, br, zstd'
const UNPACK: Record<string, () => Transform> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

export type Body = { bytes: Buffer; cut: boolean }

export async function readBody(body: Readable, encoding: string, maxBytes: number): Promise<Body> {
  const unpacked = unpack(body, encoding.trim().toLowerCase())
  let arrivedBytes = 0
  if (unpacked !== body) body.on('data', (chunk: Buffer) => (arrivedBytes += chunk.length))
  const chunks: Buffer[] = []
  let count = 0
  try {
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      count += chunk.length
      if (count > maxBytes) break
    }
  } catch (error) {
    const ofPacking = unpacked !== body && (error as { errno?: number }).errno !== undefined
    if (!ofPacking) throw error
    // A response without a body may say how one would be packed.
    if (arrivedBytes === 0 && body.readableEnded) return { bytes: Buffer.alloc(0), cut: false }
    throw new AppError('UNAVAILABLE', 'The response is packed in a way that cannot be read.', {
      cause: error,
    })
  }
  return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), cut: count > maxBytes }
}

function unpack(body: Readable, encoding: string): Readable {
  if (encoding === '' || encoding === 'identity') return body
  const make = Object.hasOwn(UNPACK, encoding) ? UNPACK[encoding] : undefined
  if (make === undefined)
    throw new AppError('UNAVAILABLE', 'The response is packed in a way that was not asked for.')
  const unpacked = make()
  body.on('error', (error) => unpacked.destroy(error))
  return body.pipe(unpacked)
}

/** A body as the client is shown it: JSON as JSON, so that rules about fields see into it; text as text. */
export function bodyData(
  { bytes, cut }: Body,
  contentType: string,
  grant: Grant,
): Pick<Answer, 'data' | 'shown'> {
  const text = textOf({ bytes, cut, charset: charsetOf(contentType) })
  if (text === undefined) return { data: { base64: shownBytes(bytes, grant) } }
  const document = isJson(contentType) && !cut ? parseDocument(text) : undefined
  if (document !== undefined) return { data: { body: document as JsonValue } }
  return { data: { body: shownText(text, cut, grant) }, shown: 'body' }
}

function isJson(contentType: string): boolean {
  return /^(application|text)\/([\w.+-]+\+)?json\s*(;|$)/i.test(contentType)
}

function charsetOf(contentType: string): string {
  return /;\s*charset\s*=\s*"?([\w:.-]+)"?/i.exec(contentType)?.[1]?.toLowerCase() ?? 'utf-8'
}
