// One message at an MCP endpoint → its answer. Every request of every method passes here.
import { AppError } from '@mcpshield/contracts/errors'
import type { Credential } from '@mcpshield/pdp/snapshots'
import type { JsonObject } from '@mcpshield/policy/facts'
import {
  INTERNAL_ERROR,
  INVALID_PARAMS,
  METHOD_NOT_FOUND,
  writeAnswer,
  type Request,
  type WrittenAnswer,
} from './json-rpc.ts'
import { canonicalOf, wireName } from './names.ts'
import { clientName, initializeResult } from './protocol.ts'
import type { ListedTool, ProjectRuntime } from './runtimes.ts'
import type { Sessions } from './session.ts'
import { serveToolCall, type ToolCallDeps } from './tool-call.ts'

export type EndpointDeps = ToolCallDeps & { sessions: Sessions }

export type Asked = {
  credential: Credential
  /** The upstream of `/mcp/{upstream}`, whose names stay unchanged on the wire; null at `/mcp`. */
  only: string | null
  request: Request
  agent: string | null
  requestId: string
  signal: AbortSignal
}

export type Answered = { answer: WrittenAnswer; sessionId?: string }

/** Answers one request. Failures of ours are JSON-RPC errors; denials are answers. */
export async function answerRequest(deps: EndpointDeps, asked: Asked): Promise<Answered> {
  try {
    switch (asked.request.method) {
      case 'initialize':
        return {
          answer: result(initializeResult(asked.request.params)),
          sessionId: deps.sessions.open(asked.credential.key_id, clientName(asked.request.params)),
        }
      case 'ping':
        return { answer: result({}) }
      case 'tools/list':
        return { answer: result({ tools: await listTools(deps, asked) }) }
      case 'tools/call':
        return { answer: await callTool(deps, asked) }
      default:
        return { answer: error(METHOD_NOT_FOUND, 'The gateway does not offer this method.') }
    }
  } catch (thrown) {
    if (thrown instanceof AppError) return { answer: error(INTERNAL_ERROR, thrown.message) }
    deps.log.error({ err: thrown, requestId: asked.requestId }, 'request failed')
    return { answer: error(INTERNAL_ERROR, `Something went wrong on our side. Request ${asked.requestId}.`) }
  }
}

const result = (value: JsonObject) => writeAnswer({ result: value })
const error = (code: number, message: string) => writeAnswer({ error: { code, message } })

/** Lists only what some call could be allowed. */
async function listTools(deps: EndpointDeps, asked: Asked): Promise<JsonObject[]> {
  const runtime = await deps.runtimeOf(asked.credential.project_id)
  const listed = await runtime.listTools()
  return listed
    .filter((tool) => asked.only === null || tool.slug === asked.only)
    .filter((tool) => deps.pdp.couldShow(asked.credential, 'tools/call', tool.canonical))
    .map((tool) => ({
      ...tool.definition,
      name: asked.only === null ? wireName(tool.canonical) : tool.definition.name,
    }))
    .sort(byName)
}

function byName(left: ListedTool['definition'], right: ListedTool['definition']): number {
  return left.name < right.name ? -1 : 1
}

async function callTool(deps: EndpointDeps, asked: Asked): Promise<WrittenAnswer> {
  // Only these two are judged, so only these two go on: `_meta` and whatever else a client adds stay here.
  const { name, arguments: args } = asked.request.params
  if (typeof name !== 'string') return error(INVALID_PARAMS, 'The name of the tool must be a string.')
  const { credential, agent, requestId, signal } = asked
  const tool =
    asked.only === null ? await canonicalName(deps, credential.project_id, name) : `${asked.only}/${name}`
  const params = args === undefined ? { name } : { name, arguments: args }
  return serveToolCall(deps, { credential, tool, params, agent, requestId, signal })
}

const HASHED = /_[0-9a-f]{8}$/

/** Most names tell their canonical form; one that carries a hash is looked up among the listed tools. */
async function canonicalName(deps: EndpointDeps, projectId: string, wire: string): Promise<string> {
  if (!HASHED.test(wire)) return canonicalOf(wire)
  const runtime: ProjectRuntime = await deps.runtimeOf(projectId)
  if (runtime.hashedName(wire) === undefined) await runtime.listTools()
  return runtime.hashedName(wire) ?? canonicalOf(wire)
}
