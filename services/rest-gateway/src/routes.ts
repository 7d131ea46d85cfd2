// Every endpoint of the contracts that has an HTTP route, by one loop: no endpoint has code of its own here.
import type { FastifyInstance } from 'fastify'
import type { Caller } from '@mcpshield/contracts/caller'
import type { RpcDef } from '@mcpshield/contracts/define'
import { isRouted, perMinuteOf } from '@mcpshield/contracts/openapi'
import type { Admit } from './admission.ts'
import { inputOf, type RequestParts } from './input.ts'
import { refuseHead } from './methods.ts'
import { sendPage, wantsPage } from './page.ts'
import type { SendStream } from './stream.ts'

export type CallEndpoint = (
  def: RpcDef,
  input: Record<string, unknown>,
  options: { caller: Caller; requestId: string },
) => Promise<Record<string, unknown>>

export type RouteDeps = {
  defs: readonly RpcDef[]
  call: CallEndpoint
  admit: Admit
  sendStream: SendStream
}

export function addRoutes(app: FastifyInstance, { defs, call, admit, sendStream }: RouteDeps): void {
  for (const def of defs.filter(isRouted)) {
    const { method, path, status = 200, etag, page, stream } = def.http
    const door = { route: `${method} ${path}`, access: def.access, perMinute: perMinuteOf(def.http) }
    const input = inputOf(def)
    const url = path.replace(/\{([^}]+)\}/g, ':$1')
    if (stream !== undefined) refuseHead(app, url)
    app.route({
      method,
      url,
      ...(stream === undefined ? {} : { exposeHeadRoute: false }),
      handler: async (request, reply) => {
        // Who asks comes first: a stranger learns nothing of what would have been wrong with the input.
        const caller = await admit(door, request, reply)
        const given = input(request as unknown as RequestParts)
        const options = { caller, requestId: request.id }
        if (stream !== undefined) {
          const ask = (page: Record<string, unknown>) => call(def, page, options)
          return sendStream(reply, { def, stream, input: given, caller, ask })
        }
        if (page !== undefined && wantsPage(request)) return sendPage(reply, call(def, given, options), page)
        const output = await call(def, given, options)
        if (etag !== undefined) void reply.header('etag', `"${String(output[etag])}"`)
        return status === 204 ? reply.status(204).send() : reply.status(status).send(output)
      },
    })
  }
}
