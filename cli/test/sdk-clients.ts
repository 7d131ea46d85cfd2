// Clients of both generations of the official SDK in front of `mcpshield wrap` and the fixture server.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { Client, fromJsonSchema } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { bin, folder } from './command.ts'

export type Era = 'legacy' | 'modern'

/** Answers to what the client is asked; `action` may change from question to question. */
export type Person = { action: 'accept' | 'decline' | 'cancel'; asked: { message: string }[] }

export const anything = fromJsonSchema<Record<string, unknown>>({ type: 'object' })
const fixture = join(import.meta.dirname, '../../tests/mcp/fixture-stdio.ts')
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} }

/** The command line of a wrapped fixture, where it keeps things, and every byte that reached it. */
export function wrappedFixture(policy: string, era: Era | 'both' = 'both', args: string[] = []) {
  const files = folder({ 'policy.yaml': policy })
  const record = files.path('received')
  return {
    path: files.path,
    argv: [
      ...[bin, 'wrap', '--policy', files.path('policy.yaml'), '--name', 'fix', ...args],
      ...['--', process.execPath, fixture, '--era', era, '--record', record],
    ],
    env: { PATH: process.env['PATH'] ?? '', XDG_STATE_HOME: files.path('state') },
    received: () => readFileSync(record, 'utf8'),
    [Symbol.dispose]: () => files[Symbol.dispose](),
  }
}

type Wrapped = ReturnType<typeof wrappedFixture>

/** The 2.x client, speaking either era. */
export async function newClient({ argv, env }: Wrapped, era: Era, capabilities: object = CAPABILITIES) {
  const person: Person = { action: 'accept', asked: [] }
  const client = new Client(
    { name: 'new-client', version: '1' },
    { versionNegotiation: { mode: era === 'legacy' ? 'legacy' : { pin: '2026-07-28' } }, capabilities },
  )
  if ('elicitation' in capabilities)
    client.setRequestHandler('elicitation/create', ({ params }) => elicited(person, params.message))
  if ('sampling' in capabilities) client.setRequestHandler('sampling/createMessage', () => SAMPLED)
  if ('roots' in capabilities) client.setRequestHandler('roots/list', () => ROOTS)
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: argv, env, stderr: 'ignore' }),
  )
  return { client, person, [Symbol.asyncDispose]: () => client.close() }
}

/** The 1.x client, which knows the legacy era alone. */
export async function oldClient({ argv, env }: Wrapped) {
  const person: Person = { action: 'accept', asked: [] }
  const client = new OldClient({ name: 'old-client', version: '1' }, { capabilities: CAPABILITIES })
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => elicited(person, params.message))
  client.setRequestHandler(CreateMessageRequestSchema, () => SAMPLED)
  client.setRequestHandler(ListRootsRequestSchema, () => ROOTS)
  await client.connect(new OldTransport({ command: process.execPath, args: argv, env, stderr: 'ignore' }))
  return { client, person, [Symbol.asyncDispose]: () => client.close() }
}

const SAMPLED = {
  role: 'assistant' as const,
  content: { type: 'text' as const, text: 'Good day' },
  model: 'none',
}
const ROOTS = { roots: [{ uri: 'file:///home/ada', name: 'home' }] }

function elicited({ action, asked }: Person, message: string) {
  asked.push({ message })
  return action === 'accept'
    ? { action, content: { name: 'Ada', color: 'green', ok: true, confirm: true } }
    : { action }
}
