// Plain answers over HTTP.
import type { ServerResponse } from 'node:http'
import { answerText, writeAnswer } from '@mcpshield/mcp/json-rpc'
import type { RequestId, RpcError } from '@mcpshield/mcp/messages'

/** Nobody known to us asks. */
export const UNAUTHORIZED = -32001
export const NO_SESSION = -32001
/** Header of an answer: the id under which logs and the record have the request. */
export const REQUEST_ID = 'x-request-id'
/** Refused before the protocol is looked at. */
export const FORBIDDEN = -32000

export function sendJson(
  response: ServerResponse,
  status: number,
  text: string,
  headers: string[] = [],
): void {
  const length = String(Buffer.byteLength(text))
  response.writeHead(status, ['content-type', 'application/json', 'content-length', length, ...headers])
  response.end(text)
}

export function sendError(
  response: ServerResponse,
  status: number,
  error: RpcError,
  { id = null, headers = [] }: { id?: RequestId | null; headers?: string[] } = {},
): void {
  if (response.headersSent) return void response.destroy()
  sendJson(response, status, answerText(id, writeAnswer({ error })), headers)
}

export function sendEmpty(response: ServerResponse, status: number): void {
  response.writeHead(status, status === 204 ? [] : ['content-length', '0'])
  response.end()
}
