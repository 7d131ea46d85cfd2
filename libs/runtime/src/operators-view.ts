// What an operator sees of any process: metrics and health on a port of their own, traces at a collector. Both are off
// where nothing is configured, and then cost nothing.
import { z } from 'zod'
import manifest from '../package.json' with { type: 'json' }
import { StartError } from './config.ts'
import { metrics } from './metrics.ts'
import { serveMetrics } from './metrics-server.ts'

export const OperatorConfig = z.object({
  /** Port of `GET /metrics` and `GET /health`; there is none when absent. */
  METRICS_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  /** Address of that port; loopback unless said otherwise. No public way may lead there. */
  METRICS_HOST: z.string().default('127.0.0.1'),
  /** Base URL of an OpenTelemetry collector (OTLP over HTTP); nothing is traced when absent. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  /** Which part of the traces that begin here is kept, 0 to 1. */
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1),
  /** How long spans gather before they are sent, in milliseconds. */
  OTEL_BSP_SCHEDULE_DELAY: z.coerce.number().int().min(10).default(2_000),
})
export type OperatorConfig = z.infer<typeof OperatorConfig>

export type OperatorsView = AsyncDisposable & {
  /** The service does its work from now on. */
  ready(): void
  metricsPort: number | undefined
}

export async function startOperatorsView(service: string, config: OperatorConfig): Promise<OperatorsView> {
  await using stack = new AsyncDisposableStack()
  let isReady = false
  const { METRICS_PORT, METRICS_HOST, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = config
  if (endpoint !== undefined) {
    const { traceOverOtlp } = await import('./otlp.ts')
    const [ratio, delayMs] = [config.OTEL_TRACES_SAMPLER_ARG, config.OTEL_BSP_SCHEDULE_DELAY]
    stack.use(traceOverOtlp({ service, version: manifest.version, endpoint, ratio, delayMs }))
  }
  const server =
    METRICS_PORT === undefined
      ? undefined
      : stack.use(
          await serveMetrics({
            host: METRICS_HOST,
            port: METRICS_PORT,
            metrics,
            isReady: () => isReady,
          }).catch((error: unknown) => {
            throw new StartError(`METRICS_PORT ${METRICS_PORT}: ${(error as Error).message}`)
          }),
        )
  const kept = stack.move()
  return {
    ready: () => void (isReady = true),
    metricsPort: server?.port,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
