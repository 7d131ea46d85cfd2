// What an upstream's list of tools changes in its pins. Pure: rows and a report in, what to write out.
import type { Definition } from './tool-definitions.ts'

/** What is known of a tool. */
export type Pin = { name: string; approved_hash: string; offered_hash: string | null }

export type PinChanges = {
  /** Never seen before: approved as they are. */
  first: Definition[]
  /** Other than approved, and other than what was offered before. */
  changed: Definition[]
  /** Offered as approved again. */
  restored: string[]
}

/** More tools than any server has that a model can work with. Those beyond stay without a pin. */
const MAX_PINS = 1_000

/**
 * A tool that is not in the report stays as it is: a list that was cut off is no reason to approve a tool anew when it
 * is there again. One that is listed twice is what differs from what was approved.
 */
export function pinChanges(pins: readonly Pin[], offered: readonly Definition[]): PinChanges {
  const known = new Map(pins.map((pin) => [pin.name, pin]))
  const changes: PinChanges = { first: [], changed: [], restored: [] }
  for (const [name, definitions] of Map.groupBy(offered, (each) => each.name)) {
    const pin = known.get(name)
    const [one] = definitions
    if (pin === undefined) {
      if (one !== undefined && known.size + changes.first.length < MAX_PINS) changes.first.push(one)
      continue
    }
    const other = definitions.find(({ hash }) => hash !== pin.approved_hash)
    if (other === undefined) {
      if (pin.offered_hash !== null) changes.restored.push(name)
    } else if (other.hash !== pin.offered_hash) changes.changed.push(other)
  }
  return changes
}

export function isNothing({ first, changed, restored }: PinChanges): boolean {
  return first.length + changed.length + restored.length === 0
}
