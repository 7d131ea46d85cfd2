// How a feed stands, as of its last attempts: gathered in memory, written down with every look at what is set up.
import type { FeedRow } from './entities.ts'

export type Standing = Partial<
  Pick<FeedRow, 'last_success_at' | 'last_error' | 'last_error_at' | 'last_read_at' | 'unread'>
>

export type Standings = {
  of(feedId: string): { succeeded(): void; failed(message: string): void; backlog(told: Backlog): void }
  /** What is to be written down; asked again it is nothing, until something changes. */
  take(): Map<string, Standing>
}
type Backlog = { unread: number; lastReadAt: Date | undefined }

const MAX_MESSAGE = 500

export function standings(now: () => Date): Standings {
  let changed = new Map<string, Standing>()
  const change = (id: string, standing: Standing) => void changed.set(id, { ...changed.get(id), ...standing })
  const seen = new Map<string, string>()
  return {
    of: (id) => ({
      succeeded: () => change(id, { last_success_at: now(), last_error: null, last_error_at: null }),
      failed: (message) => change(id, { last_error: message.slice(0, MAX_MESSAGE), last_error_at: now() }),
      backlog({ unread, lastReadAt }) {
        const text = `${unread} ${lastReadAt?.getTime()}`
        if (seen.get(id) === text) return
        seen.set(id, text)
        change(id, { unread, ...(lastReadAt === undefined ? {} : { last_read_at: lastReadAt }) })
      },
    }),
    take() {
      const taken = changed
      changed = new Map()
      return taken
    },
  }
}
