// A call that a gateway holds: good by default, each one another.
import { randomBytes, randomUUID } from 'node:crypto'
import type { Input } from '@mcpshield/contracts/define'
import type { projects } from '@mcpshield/contracts/projects'

type Held = Omit<Input<typeof projects.rpc.requestApproval>, 'project_id'>

export function heldCall(other: Partial<Held> = {}): Held {
  return {
    digest: randomBytes(32).toString('hex'),
    method: 'tools/call',
    tool: 'postgres.query',
    arguments: { sql: 'delete from orders where id = 7' },
    rule: 'ask-before-deleting',
    reason: 'It deletes from public.orders.',
    policy_version: 1,
    agent: 'claude',
    key_id: randomUUID(),
    user: null,
    decision_id: randomUUID(),
    timeout_ms: 60_000,
    ...other,
  }
}
