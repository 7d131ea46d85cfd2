// Who asks, established once at a gateway and carried in a bus header. Services trust it because the
// bus's permissions let only gateways call them.
import { z } from 'zod'

export const Role = z.enum(['owner', 'admin', 'editor', 'viewer'])
export type Role = z.infer<typeof Role>

export const Caller = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('user'),
    user_id: z.uuid(),
    org_id: z.uuid(),
    role: Role,
    session_id: z.string(),
  }),
  z.strictObject({
    kind: z.literal('key'),
    key_id: z.uuid(),
    project_id: z.uuid(),
    org_id: z.uuid(),
    digest: z.string(),
  }),
  z.strictObject({ kind: z.literal('service'), name: z.string() }),
  z.strictObject({
    kind: z.literal('anonymous'),
    address: z.string(),
    /** What the program says of itself. */
    user_agent: z.string().max(500).optional(),
  }),
  /** Who runs the installation. */
  z.strictObject({ kind: z.literal('operator') }),
])
export type Caller = z.infer<typeof Caller>
