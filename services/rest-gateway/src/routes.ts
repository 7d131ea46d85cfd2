// Every endpoint of the contracts that has an HTTP route, by one loop: no endpoint has code of its own here.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Caller } from '@mcpshield/contracts/caller'
import type { RpcDef } from '@mcpshield/contracts/define'
import { isRouted } from '@mcpshield/contracts/openapi'
import { inputOf, type RequestParts } from './input.ts'
import type { Callers } from './session.ts'

export type CallEndpoint = (
  def: RpcDef,
  input: Record<string, unknown>,
  options: { caller: Caller; requestId: string },
) => Promise<Record<string, unknown>>

export type RouteDeps = { defs: readonly RpcDef[]; call: CallEndpoint; callers: Callers }

export function addRoutes(app: FastifyInstance, { defs, call, callers }: RouteDeps): void {
  for (const def of defs.filter(isRouted)) {
    const { method, path, status = 200, etag } = def.http
    const input = inputOf(def)
    app.route({
      method,
      url: path.replace(/\{([^}]+)\}/g, ':$1'),
      handler: async (request, reply) => {
        // Who asks comes first: a stranger learns nothing of what would have been wrong with the input.
        const caller = await callers.callerFor(def.access, credentialsOf(request))
        const output = await call(def, input(request as unknown as RequestParts), {
          caller,
          requestId: request.id,
        })
        if (etag !== undefined) void reply.header('etag', `"${String(output[etag])}"`)
        return status === 204 ? reply.status(204).send() : reply.status(status).send(output)
      },
    })
  }
}

function credentialsOf(request: FastifyRequest) {
  const apiKey = request.headers['x-api-key']
  return {
    authorization: request.headers.authorization,
    apiKey: Array.isArray(apiKey) ? apiKey.join(',') : apiKey,
    address: request.ip,
  }
}
