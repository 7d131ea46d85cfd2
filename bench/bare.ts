// The yardstick of the API: a bare Fastify that validates the same body by the same schema, throws it away and answers
// with a body of the same size. Run as its own process: `node bench/bare.ts`.
import { fastify } from 'fastify'
import type { AddressInfo } from 'node:net'
import { decision } from '@mcpshield/contracts/decision'
import { ingest } from '@mcpshield/contracts/ingest'

const app = fastify({ logger: false, bodyLimit: 1024 * 1024 })

const evaluated = {
  decision: 'allow',
  rule: 'read',
  reason: 'Allowed by the rule read.',
  obligations: { rate_limits: [], redact: [] },
  policy_version: 1,
  decision_id: crypto.randomUUID(),
}
app.post('/policy/evaluate', (request, reply) =>
  decision.rpc.evaluateCall.input.safeParse(request.body).success
    ? reply.send(evaluated)
    : reply.status(400).send({ status: 400 }),
)

const accepted = { accepted: 1, duplicates: 0, usage: { month: '2026-01', count: 1, limit: null } }
app.post('/events/ingest', (request, reply) =>
  ingest.rpc.reportEvents.input.safeParse(request.body).success
    ? reply.status(202).send(accepted)
    : reply.status(400).send({ status: 400 }),
)

app.get('/projects', (_request, reply) => reply.send({ items: [], next_cursor: null, prev_cursor: null }))
app.post('/auth/refresh', (request, reply) => reply.send(request.body))

await app.listen({ host: '127.0.0.1', port: 0 })
process.send?.({ port: (app.server.address() as AddressInfo).port })
process.on('disconnect', () => process.exit(0))
