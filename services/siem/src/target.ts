// A place that events are carried to, while it is open: a webhook, a connection of syslog, or a credential's account.
import type { Parcel } from './parcels.ts'

export type Target = AsyncDisposable & {
  /** Resolves when the place has taken all of them; rejects with a FeedError. May be told the same again. */
  deliver(parcels: readonly Parcel[], signal: AbortSignal): Promise<void>
  /** Whether its connection has ended since: it is opened anew then. */
  isOver(): boolean
}

export type OpenTarget = (signal: AbortSignal) => Promise<Target>
