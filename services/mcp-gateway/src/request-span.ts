// The trace that a client's request belongs to. A client of any era may name the trace in `_meta` (SEP-414); else it is that
// of its HTTP request.
import type { IncomingHttpHeaders } from 'node:http'
import { metaOf } from '@mcpshield/mcp/messages'
import type { Incoming, Request } from '@mcpshield/mcp/json-rpc'
import type { JsonObject } from '@mcpshield/policy/facts'
import { readTraceparent, withValidTrace } from '@mcpshield/runtime/trace-context'
import { isTracing, openSpan, traced, traceparent, type OpenSpan } from '@mcpshield/runtime/tracing'
import type { Client, Exchange } from './client.ts'
import { header } from './headers.ts'
import { knownMethod } from './metrics.ts'
import type { Target } from './targets.ts'

type ReadMessage = Exclude<Incoming, { kind: 'invalid' }>

/** A message without a trace context that is not of the standard's form: it would go on to an upstream. */
export function withoutOddTrace(incoming: ReadMessage): ReadMessage {
  if (incoming.kind === 'request') {
    const { request } = incoming
    const params = cleaned(request.params)
    return params === request.params ? incoming : { kind: 'request', request: { ...request, params } }
  }
  if (incoming.kind !== 'notification') return incoming
  const params = cleaned(incoming.params)
  return params === incoming.params ? incoming : { ...incoming, params }
}

function cleaned(params: JsonObject): JsonObject {
  if (params['_meta'] === undefined) return params
  const meta = metaOf(params)
  const valid = withValidTrace(meta)
  return valid === meta ? params : { ...params, _meta: valid }
}

export type RequestTrace = {
  /** Of the span, or of the trace that the client says it is part of. */
  traceId: string | null
  span: OpenSpan | undefined
}

export function requestTrace(
  headers: IncomingHttpHeaders,
  client: Client,
  { method, params }: Request,
  requestId: string,
): RequestTrace {
  const given = metaOf(params)['traceparent'] ?? header(headers, 'traceparent')
  const parent = typeof given === 'string' ? given : undefined
  const name = knownMethod(method)
  const span = openSpan({
    name: name === 'other' ? 'MCP request' : name,
    kind: 'server',
    attributes: {
      'mcp.method.name': name,
      'mcp.protocol.version': client.protocolVersion.slice(0, MAX_VERSION_UNITS),
      'network.protocol.name': 'http',
      'mcpshield.request_id': requestId,
      'mcpshield.project_id': client.credential.project_id,
    },
    parent,
  })
  return { span, traceId: span?.traceId ?? readTraceparent(parent)?.traceId ?? null }
}

const MAX_VERSION_UNITS = 32

/** What a request that goes on says of the trace: the span it is sent in, where there is one. */
export function ownTrace(): JsonObject {
  const parent = traceparent()
  return parent === undefined ? {} : { traceparent: parent }
}

/** Runs what was let through as a span. Only now the name of the tool is one that a policy knows, and may be told. */
export function tracedRun<T>({ span }: Exchange, target: Target, run: () => Promise<T>): Promise<T> {
  if (!isTracing()) return run()
  const tool = target.method === 'tools/call' ? { 'gen_ai.tool.name': target.tool } : {}
  span?.set(tool)
  const { at } = target
  if ('connector' in at) {
    const [system = ''] = at.connector.split('.')
    const attributes = { 'db.system.name': system, 'db.operation.name': at.connector }
    return traced({ name: at.connector, kind: 'client', attributes }, run)
  }
  const method = knownMethod(target.method)
  const attributes = { 'mcp.method.name': method, 'mcpshield.upstream': at.slug, ...tool }
  return traced({ name: method === 'other' ? 'MCP request' : method, kind: 'client', attributes }, run)
}
