// The OpenTelemetry side of tracing: loaded only where a collector is named, as it takes its time. Nothing global is
// registered: other libraries in the process stay as they are.
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  ROOT_CONTEXT,
  SpanKind as Kind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Span,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { readTraceparent, type TraceContext } from './trace-context.ts'
import { traceWith, type OpenSpan, type SpanTerms, type Tracer } from './tracing.ts'

export type OtlpOptions = {
  service: string
  version: string
  /** Base URL of the collector: spans go to `/v1/traces` below it. */
  endpoint: string
  /** Which part of the traces that begin here is kept, 0 to 1. Those that a caller began are kept as the caller says. */
  ratio: number
  /** How long spans gather before they are sent. */
  delayMs: number
}

const MAX_QUEUED_SPANS = 4_096
const MAX_ATTRIBUTE_UNITS = 256
const FLUSH_WITHIN_MS = 3_000

/** Until disposed, which sends what has gathered. A collector that does not answer costs spans, never calls. */
export function traceOverOtlp({ service, version, endpoint, ratio, delayMs }: OtlpOptions): AsyncDisposable {
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.namespace': 'mcpshield',
      'service.name': service,
      'service.version': version,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE_UNITS, attributeCountLimit: 32 },
    spanProcessors: [
      new BatchSpanProcessor({ exporter, maxQueueSize: MAX_QUEUED_SPANS, scheduledDelayMillis: delayMs }),
    ],
  })
  const tracing = traceWith(tracerOf(provider))
  return {
    async [Symbol.asyncDispose]() {
      tracing[Symbol.dispose]()
      const late = new Promise((resolve) => setTimeout(resolve, FLUSH_WITHIN_MS).unref())
      await Promise.race([provider.shutdown().catch(() => undefined), late])
    },
  }
}

const KINDS = {
  server: Kind.SERVER,
  client: Kind.CLIENT,
  producer: Kind.PRODUCER,
  consumer: Kind.CONSUMER,
  internal: Kind.INTERNAL,
} as const

function tracerOf(provider: TracerProvider): Tracer {
  const tracer = provider.getTracer('mcpshield')
  const underWay = new AsyncLocalStorage<Span>()
  return {
    open({ name, kind, attributes = {}, parent }: SpanTerms): OpenSpan {
      const context = contextOf(readTraceparent(parent), underWay.getStore())
      const span = tracer.startSpan(name, { kind: KINDS[kind], attributes }, context)
      return {
        traceId: span.spanContext().traceId,
        set: (more) => void span.setAttributes(more),
        failed(type) {
          span.setAttribute('error.type', type)
          span.setStatus({ code: SpanStatusCode.ERROR })
        },
        run: (work) => underWay.run(span, work),
        end: () => span.end(),
      }
    },
    current(): TraceContext | undefined {
      const context = underWay.getStore()?.spanContext()
      if (context === undefined) return undefined
      const { traceId, spanId, traceFlags } = context
      return { traceId, spanId, isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0 }
    },
  }
}

/** What came from elsewhere goes before what is under way: a message may be taken amid other work. */
function contextOf(remote: TraceContext | undefined, local: Span | undefined) {
  if (remote !== undefined) {
    const traceFlags = remote.isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE
    const { traceId, spanId } = remote
    return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
  }
  return local === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, local)
}
