// The enforcing gateway: what it answers for other services, and what its instances tell each other.
import { z } from 'zod'
import { contract, rpc } from './define.ts'
import { Trial } from './projects.ts'
import { Empty, Health, Id } from './values.ts'

export const mcpGateway = contract('mcp-gateway', {
  rpc: {
    checkHealth: rpc({ input: Empty, output: Health, errors: [], access: 'internal' }),
    /** Starts or connects to an upstream of a project, by its slug. */
    tryUpstream: rpc({
      input: z.strictObject({ project_id: Id, slug: z.string() }),
      output: Trial,
      errors: ['NOT_FOUND'],
      access: 'internal',
      timeoutMs: 25_000,
    }),
    /** Reaches the system behind a connection of a project, by its name. */
    tryConnection: rpc({
      input: z.strictObject({ project_id: Id, name: z.string() }),
      output: Trial,
      errors: ['NOT_FOUND'],
      access: 'internal',
      timeoutMs: 25_000,
    }),
    /** The tools by which a connection of a project is used, and names of what is stored behind it: nothing of its content. */
    describeConnection: rpc({
      input: z.strictObject({ project_id: Id, name: z.string() }),
      output: z.object({
        /** As an agent is told them. */
        tools: z.array(z.object({ name: z.string(), description: z.string(), input_schema: z.json() })),
        /**
         * As rules name them: tables and views (`schema.table`) with their columns, collections with fields of a few documents,
         * patterns of keys (`session:*`), folders as absolute paths.
         */
        resources: z.array(z.object({ name: z.string(), fields: z.array(z.string()) })),
        /** Whether there is more, or not all of it was looked at. */
        truncated: z.boolean(),
        /** Why nothing is known of what is stored: a sentence. */
        note: z.string().nullable(),
      }),
      errors: ['NOT_FOUND', 'UNAVAILABLE'],
      access: 'internal',
      timeoutMs: 6_000,
    }),
  },
})

const SessionDigest = z.string().regex(/^[0-9a-f]{64}$/)
const Message = z.record(z.string(), z.json())

/**
 * What one instance asks another by its id (`ask`), or tells all of them (`tell`): a client's next message comes to any
 * instance, what it belongs to lives in one.
 */
export const gatewayPeers = {
  ask: {
    /** A client's answer to a request that the asked instance sent it. */
    answer: {
      input: z.strictObject({ session: SessionDigest, id: z.string(), answer: Message }),
      output: z.strictObject({ known: z.boolean() }),
    },
    /** The retry of a call that the asked instance holds open; answers what the call gives next. */
    resume: {
      input: z.strictObject({ call: z.string(), owner: z.string(), responses: Message, timeout_ms: z.int() }),
      output: z.strictObject({ known: z.boolean(), next: Message.optional() }),
    },
    /** What comes after an event of a stream, told as soon as there is something, or after `wait_ms` nothing. */
    replay: {
      input: z.strictObject({
        stream: z.string(),
        session: SessionDigest,
        after: z.int(),
        wait_ms: z.int().min(0).max(60_000),
      }),
      output: z.strictObject({ known: z.boolean(), events: z.array(Message), ended: z.boolean() }),
    },
  },
  tell: {
    /** Something for a client's open stream, whichever instance has it. */
    event: z.strictObject({ session: SessionDigest, message: Message }),
    /** A client takes back a request of its session. */
    cancel: z.strictObject({
      session: SessionDigest,
      id: z.union([z.string(), z.int()]),
      reason: z.string().optional(),
    }),
    /** A session's state changed (its log level, its subscriptions), or it ended. */
    session: z.strictObject({ session: SessionDigest, ended: z.boolean() }),
  },
} as const
