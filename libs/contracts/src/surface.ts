// The whole surface as documents: what golden files pin, so that a changed message is a readable diff.
import { z } from 'zod'
import { AuditEvent } from './audit.ts'
import { ai } from './ai.ts'
import { auth } from './auth.ts'
import { billing } from './billing.ts'
import { busKeys } from './bus-keys.ts'
import { decision } from './decision.ts'
import type { EvtDef, JobDef, KvDef, RpcDef } from './define.ts'
import { flow, type FlowRow } from './flow.ts'
import { ingest } from './ingest.ts'
import { mailer } from './mailer.ts'
import { projects } from './projects.ts'
import { siem } from './siem.ts'

export type Contract = {
  name: string
  rpc: Record<string, RpcDef>
  evt: Record<string, EvtDef>
  kv: Record<string, KvDef>
  job: Record<string, JobDef>
}

/** Every contract of the product. */
export const contracts: Contract[] = [auth, projects, decision, ingest, billing, mailer, ai, siem, busKeys]

/** Subject → its messages as JSON Schemas. */
export function messages(): Record<string, unknown> {
  const found: Record<string, unknown> = {
    'audit.<org>.<project or _>.<class>': { payload: [schemaOf(AuditEvent, 'output')] },
  }
  for (const contract of contracts) {
    for (const def of Object.values(contract.rpc)) {
      const { access, right, errors, http } = def
      found[def.subject] = {
        access,
        ...(right === undefined ? {} : { right }),
        errors,
        ...(http === undefined ? {} : { http: `${http.method} ${http.path}` }),
        input: schemaOf(def.input, 'input'),
        output: schemaOf(def.output, 'output'),
      }
    }
    for (const def of [...Object.values(contract.evt), ...Object.values(contract.job)])
      found[def.subject] = { payload: schemaOf(def.payload, 'output') }
    for (const def of Object.values(contract.kv))
      found[`KV ${def.bucket}`] = { value: schemaOf(def.value, 'output') }
  }
  return found
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}

/** flow.ts as a table and a diagram, for people. */
export function flowDocument(): string {
  const rows = Object.entries(flow) as [string, FlowRow][]
  const list = (items: readonly string[]) =>
    items.length === 0 ? '–' : items.map((item) => `\`${item}\``).join('<br>')
  const lines = rows.map(
    ([name, row]) =>
      `| ${name} | ${list(row.serves.map((each) => `rpc.${each.name}.*`))} | ${list(row.calls.map((def) => def.subject))} | ${list(
        [
          ...[...row.emits, ...row.enqueues].map((def) => def.subject),
          ...(row.audits ? ['audit.>'] : []),
          ...(row.replaysDead ? ['whatever is replayed'] : []),
        ],
      )} | ${list(row.writes.map((def) => `KV ${def.bucket}`))} | ${list(row.watches.map((def) => `KV ${def.bucket}`))} | ${list(
        [
          ...row.consumes.map((each) => `${each.filter} (${each.durable})`),
          ...(row.followsAudit ? ['audit.> as it is written'] : []),
          ...row.keepsConsumers.map(({ stream, filter }) => `${filter} of ${stream} (made while it runs)`),
          ...(row.replaysDead ? ['dead.>'] : []),
        ],
      )} |`,
  )
  const edges = rows.flatMap(([name, row]) => [
    ...[...new Set(row.calls.map((def) => def.subject.split('.')[1]))].map(
      (to) => `  ${name} -->|rpc| ${to}`,
    ),
    ...row.writes.map((def) => `  ${name} -->|writes| ${def.bucket}[(KV ${def.bucket})]`),
    ...row.watches.map((def) => `  ${def.bucket}[(KV ${def.bucket})] -->|watched by| ${name}`),
    ...(row.audits ? [`  ${name} -->|audit| AUDIT[[AUDIT]]`] : []),
    ...row.emits.map((def) => `  ${name} -->|${def.subject}| EVENTS[[EVENTS]]`),
    ...row.enqueues.map((def) => `  ${name} -->|${def.subject}| JOBS[[JOBS]]`),
    ...(row.followsAudit ? [`  AUDIT[[AUDIT]] -.->|followed by| ${name}`] : []),
    ...(row.replaysDead ? [`  DEAD[[DEAD]] --> ${name}`] : []),
    ...[...row.consumes, ...row.keepsConsumers].map(({ stream }) => `  ${stream}[[${stream}]] --> ${name}`),
  ])
  return [
    '# Who says what to whom',
    '',
    'Made from `libs/contracts/src/flow.ts`; `npm run golden` writes it anew.',
    '',
    '| service | serves | calls | emits | writes | watches | consumes |',
    '|---|---|---|---|---|---|---|',
    ...lines,
    '',
    '```mermaid',
    'flowchart LR',
    ...edges,
    '```',
    '',
  ].join('\n')
}
