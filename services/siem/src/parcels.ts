// Messages of the record as they are carried: with their events read, and those that are no event of the organisation's
// left out. Pure.
import { AuditEvent } from '@mcpshield/contracts/audit'
import type { DurableMessage } from '@mcpshield/bus/durables'

/** One message of the record, and the events in it. */
export type Parcel = Pick<DurableMessage, 'subject' | 'id' | 'bytes'> & { events: AuditEvent[] }

/** Undefined when it is not, as a whole, events of this organisation: then it is nobody's to carry. */
export function parcelOf(message: DurableMessage, orgId: string): Parcel | undefined {
  const { subject, id, bytes } = message
  if (!subject.startsWith(`audit.${orgId}.`)) return undefined
  const events = AuditEvent.array().safeParse(jsonOf(bytes))
  if (!events.success || events.data.some((event) => event.org_id !== orgId)) return undefined
  return { subject, id, bytes, events: events.data }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown
  } catch {
    return undefined
  }
}

type Limits = { maxCount: number; maxBytes: number; sizeOf: (text: string) => number }

/** Texts in groups, in their order; one that is too large alone is a group of its own. */
export function grouped(texts: readonly string[], { maxCount, maxBytes, sizeOf }: Limits): string[][] {
  const groups: string[][] = []
  let bytes = 0
  for (const text of texts) {
    const size = sizeOf(text)
    const last = groups.at(-1)
    if (last === undefined || last.length >= maxCount || bytes + size > maxBytes) {
      groups.push([text])
      bytes = size
    } else {
      last.push(text)
      bytes += size
    }
  }
  return groups
}
