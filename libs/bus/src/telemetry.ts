// What the bus tells of its work; libs do not import the runtime, which counts and traces it.

type SpanTerms = {
  name: string
  kind: 'server' | 'client' | 'producer' | 'consumer' | 'internal'
  attributes?: Record<string, string | number | boolean>
  parent?: string | undefined
}

export type BusTelemetry = {
  /** A call as its asker saw it, and as its owner answered it; `code` is OK or that of the error. */
  asked(subject: string, code: string, ms: number): void
  answered(subject: string, code: string, ms: number): void
  /** A record was acknowledged, or not in time. */
  recorded(result: 'ok' | 'failed', ms: number): void
  published(subject: string, result: 'ok' | 'failed'): void
  /** A durable consumer was given a message. */
  delivered(consumer: string, message: { pending: number; ageMs: number }): void
  consumed(consumer: string, result: 'acked' | 'retried' | 'buried'): void
  connection(isConnected: () => boolean): void
  reconnected(): void
  isTracing(): boolean
  /** W3C traceparent of the work under way, to be sent along. */
  traceparent(): string | undefined
  /** Runs work as a span, of the work under way or of the parent that came with a message. */
  traced<T>(terms: SpanTerms, work: () => Promise<T>): Promise<T>
}

/** For who has nobody to tell. */
export const UNOBSERVED: BusTelemetry = {
  asked: () => undefined,
  answered: () => undefined,
  recorded: () => undefined,
  published: () => undefined,
  delivered: () => undefined,
  consumed: () => undefined,
  connection: () => undefined,
  reconnected: () => undefined,
  isTracing: () => false,
  traceparent: () => undefined,
  traced: (_terms, work) => work(),
}
