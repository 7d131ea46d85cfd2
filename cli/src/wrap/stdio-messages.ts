// Messages of MCP over standard input and output: one on a line.
import { isUtf8 } from 'node:buffer'
import { jsonLine } from '@mcpshield/facts/json-line'
import { refusedBatch, type RefusedBatch } from '@mcpshield/mcp/batches'
import { readMessage, type Incoming } from '@mcpshield/mcp/json-rpc'
import {
  INTERNAL_ERROR,
  isId,
  isObject,
  PARSE_ERROR,
  rpcError,
  type RpcAnswer,
} from '@mcpshield/mcp/messages'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import { parseDocument } from '@mcpshield/redact/json-text'
import { MAX_LINE_BYTES, type Line } from '../lines.ts'

const LIMITS = { maxLength: MAX_LINE_BYTES, maxDepth: 64 }

/** Reads a line of the client's as strictly as every other way in; undefined for an empty one. */
export function readClientMessage(line: Line): Incoming | undefined {
  if ('tooLong' in line) return unreadable(`The message is longer than ${MAX_LINE_BYTES} bytes.`, null)
  const text = line.bytes.toString('utf8')
  if (text.trim() === '') return undefined
  const id = () => idOf(text)
  if (!isUtf8(line.bytes)) return unreadable('The message is not UTF-8.', id())
  const message = readMessage(text, LIMITS)
  return message.kind === 'invalid' && message.id === null ? { ...message, id: id() } : message
}

function unreadable(message: string, id: Extract<Incoming, { kind: 'invalid' }>['id']): Incoming {
  return { kind: 'invalid', id, error: { code: PARSE_ERROR, message } }
}

/** The id of a message that is refused: a client that gets its own id back does not wait for ever. */
function idOf(text: string): Extract<Incoming, { kind: 'invalid' }>['id'] {
  const message = parseDocument(text) as JsonValue | undefined
  const id = isObject(message) && Object.hasOwn(message, 'id') ? message['id'] : undefined
  return isId(id) ? id : null
}

/** A message of the server's, its numbers as it wrote them; undefined for what is no message. */
export function readServerMessage(
  bytes: Buffer,
): { message: JsonObject } | { batch: RefusedBatch } | undefined {
  const message = parseDocument(bytes.toString('utf8'))
  if (Array.isArray(message)) return { batch: refusedBatch(message, 'The server') }
  return isObject(message) && message['jsonrpc'] === '2.0' ? { message } : undefined
}

/** What a server's message answers. */
export function answerIn({ result, error }: JsonObject): RpcAnswer {
  if (isObject(result)) return { result }
  if (isObject(error)) return { error: rpcError(error) }
  return {
    error: { code: INTERNAL_ERROR, message: 'The server’s answer has neither a result nor an error.' },
  }
}

/** One line, written anew, for whatever its reader takes for the end of one. */
export function messageLine(message: object): string {
  return `${jsonLine({ jsonrpc: '2.0', ...message })}\n`
}
