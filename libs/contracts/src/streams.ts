// The JetStream streams. Sizes are for one machine; a cluster overrides them at provisioning.

const DAY_MS = 86_400_000

export type StreamSpec = {
  name: string
  subjects: string[]
  retention: 'limits' | 'workqueue'
  maxAgeMs: number
  maxBytes: number
  /** Window in which a repeated Nats-Msg-Id is dropped. */
  duplicateWindowMs: number
  /** `new` refuses what does not fit, so that nothing accepted is lost. */
  discard: 'new' | 'old'
}

export const streams = {
  EVENTS: {
    name: 'EVENTS',
    subjects: ['evt.>'],
    retention: 'limits',
    maxAgeMs: 7 * DAY_MS,
    maxBytes: 1 << 30,
    duplicateWindowMs: 120_000,
    discard: 'old',
  },
  AUDIT: {
    name: 'AUDIT',
    subjects: ['audit.>'],
    retention: 'limits',
    maxAgeMs: 30 * DAY_MS,
    maxBytes: 8 * 1024 ** 3,
    duplicateWindowMs: 120_000,
    discard: 'new',
  },
  /** Work, each piece for one worker; gone when done. */
  JOBS: {
    name: 'JOBS',
    subjects: ['job.>'],
    retention: 'workqueue',
    maxAgeMs: 7 * DAY_MS,
    maxBytes: 1 << 30,
    duplicateWindowMs: 120_000,
    discard: 'new',
  },
  DEAD: {
    name: 'DEAD',
    subjects: ['dead.>'],
    retention: 'limits',
    maxAgeMs: 30 * DAY_MS,
    maxBytes: 1 << 28,
    duplicateWindowMs: 120_000,
    discard: 'old',
  },
} as const satisfies Record<string, StreamSpec>
