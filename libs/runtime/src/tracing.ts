// Spans of the work that is under way, where a collector is named (OTEL_EXPORTER_OTLP_ENDPOINT). Without one nothing is
// loaded, and work is run as it is. What a span says is for whoever may see every project's traces: names and counts of
// ours, never arguments, statements, keys or answers.
import { readTraceparent, writeTraceparent, type TraceContext } from './trace-context.ts'

export type SpanKind = 'server' | 'client' | 'producer' | 'consumer' | 'internal'
export type Attributes = Record<string, string | number | boolean>

export type SpanTerms = {
  name: string
  kind: SpanKind
  attributes?: Attributes
  /** A traceparent that came from elsewhere. Without one the span belongs to the work under way. */
  parent?: string | undefined
}

export type LiveSpan = {
  readonly traceId: string
  set(attributes: Attributes): void
  /** It failed, and how: a code or the name of an error, never its message. */
  failed(type: string): void
}

/** A span whose end is somewhere else than its beginning. */
export type OpenSpan = LiveSpan & {
  /** Runs something as part of it. */
  run<T>(work: () => T): T
  end(): void
}

export type Tracer = {
  open(terms: SpanTerms): OpenSpan
  /** Of the work under way. */
  current(): TraceContext | undefined
}

let tracer: Tracer | undefined

/** From now on work is traced; returns what ends that. */
export function traceWith(given: Tracer): Disposable {
  tracer = given
  return {
    [Symbol.dispose]() {
      if (tracer === given) tracer = undefined
    },
  }
}

/** Runs work as a span. Without tracing it is just run, and gets no span. */
export async function traced<T>(
  terms: SpanTerms,
  work: (span: LiveSpan | undefined) => Promise<T>,
): Promise<T> {
  if (tracer === undefined) return work(undefined)
  const span = tracer.open(terms)
  try {
    return await span.run(() => work(span))
  } catch (error) {
    span.failed(typeOf(error))
    throw error
  } finally {
    span.end()
  }
}

export function isTracing(): boolean {
  return tracer !== undefined
}

/** Undefined without tracing. The caller ends it. */
export function openSpan(terms: SpanTerms): OpenSpan | undefined {
  return tracer?.open(terms)
}

/** Of the work under way, to be sent along; undefined when nothing is traced. */
export function traceparent(): string | undefined {
  const current = tracer?.current()
  return current === undefined ? undefined : writeTraceparent(current)
}

/** The trace that work belongs to: ours, or else the one that a caller says it is part of. */
export function traceIdOf(given: unknown): string | null {
  return tracer?.current()?.traceId ?? readTraceparent(given)?.traceId ?? null
}

function typeOf(error: unknown): string {
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string') return code
  return error instanceof Error ? error.name : 'unknown'
}
