// What operators are told of each request once it is answered: one line, its counts, the end of its span.
import type { WrittenAnswer } from '@mcpshield/mcp/json-rpc'
import type { Log } from '@mcpshield/runtime/log'
import { knownMethod, type Away, type GatewayMetrics } from './metrics.ts'
import type { OpenExchange } from './response.ts'

const AWAY: readonly Away[] = ['upstream', 'connector', 'person']

export function tell(
  { metrics, log }: { metrics: GatewayMetrics; log: Log },
  exchange: OpenExchange,
  { member, code }: WrittenAnswer,
  ms: number,
): void {
  const { client, request, requestId, traceId, span, awayMs } = exchange
  let awayTotalMs = 0
  for (const at of AWAY) awayTotalMs += awayMs[at]
  // Listening lasts as long as the client likes: that is nobody's work.
  if (request.method !== 'subscriptions/listen') {
    for (const at of AWAY) if (awayMs[at] > 0) metrics.away(at, awayMs[at])
    metrics.answered(request.method, member, ms - awayTotalMs)
  }
  if (span !== undefined) {
    if (code !== undefined) span.failed(String(code))
    span.end()
  }
  const { project_id: projectId } = client.credential
  const method = knownMethod(request.method)
  const trace = traceId ?? undefined
  log.info(
    { requestId, projectId, method, ms: twoPlaces(ms), awayMs: twoPlaces(awayTotalMs), code, traceId: trace },
    'mcp',
  )
}

const twoPlaces = (ms: number) => Math.round(ms * 100) / 100
