// The record as it is published, for whoever follows an organisation. One subscription for each organisation that
// somebody follows. What comes while the bus is away is missed here, and is in GET /audits.
import { z } from 'zod'
import { AuditEvent } from '@mcpshield/contracts/audit'
import type { Bus } from '@mcpshield/bus/connect'
import type { Log } from '@mcpshield/bus/log'

export type Listener = (event: AuditEvent) => void

export type AuditFeed = {
  /** Tells each event of the organisation once, until the function returned is called. */
  follow(orgId: string, listener: Listener): () => void
}

/** Calls back with each message of a subject until what it returns is called. */
export type Subscribe = (subject: string, onMessage: (payload: unknown) => void) => () => void

type Followed = { listeners: Set<Listener>; stop(): void }

/** The bus sends a message again when its acknowledgement is late: so far back, an event is known again. */
const REMEMBERED_EVENTS = 2_000

export function auditFeed(subscribe: Subscribe, log: Log): AuditFeed {
  const followed = new Map<string, Followed>()

  const begin = (orgId: string): Followed => {
    const listeners = new Set<Listener>()
    const seen = new Set<string>()
    const stop = subscribe(`audit.${orgId}.>`, (payload) => {
      const events = z.array(AuditEvent).safeParse(payload)
      if (!events.success)
        return log.error({ issues: events.error.issues.slice(0, 3) }, 'live: not understood')
      for (const event of events.data) {
        if (event.org_id !== orgId || !isNew(seen, `${event.id}:${event.phase}`)) continue
        for (const listener of listeners) listener(event)
      }
    })
    const entry = { listeners, stop }
    followed.set(orgId, entry)
    return entry
  }

  return {
    follow(orgId, listener) {
      const entry = followed.get(orgId) ?? begin(orgId)
      entry.listeners.add(listener)
      return () => {
        entry.listeners.delete(listener)
        if (entry.listeners.size > 0 || followed.get(orgId) !== entry) return
        followed.delete(orgId)
        entry.stop()
      }
    },
  }
}

/** Subscriptions on a connection to the bus, which come back by themselves when it does. */
export function subscribeOn(connection: Bus['connection'], log: Log): Subscribe {
  return (subject, onMessage) => {
    const subscription = connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) onMessage(jsonOf(message.data))
        else log.error({ subject, error: error.message }, 'subscription')
      },
    })
    return () => subscription.unsubscribe()
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}

function isNew(seen: Set<string>, key: string): boolean {
  if (seen.has(key)) return false
  seen.add(key)
  if (seen.size > REMEMBERED_EVENTS) seen.delete(seen.values().next().value ?? '')
  return true
}
