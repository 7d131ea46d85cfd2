// Every metric of the system: its table of contents for operators, as flow.ts is for messages. Names and labels are a
// surface that dashboards and alerts of others stand on (golden/metrics.txt). Labels are words of ours, never what a
// caller chose: no ids, no names of tools or rules, no addresses.

export type MetricKind = 'counter' | 'gauge' | 'histogram'
export type MetricDef = {
  kind: MetricKind
  help: string
  labels: readonly string[]
  /** Of a histogram: upper bounds, ascending. */
  bounds?: readonly number[]
}

const FAST_SECONDS = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5,
] as const
const SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60] as const
const LAG_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3_600] as const
const ROWS = [1, 10, 100, 500, 1_000, 2_500, 5_000, 10_000] as const

const counter = <const L extends string>(help: string, ...labels: L[]) =>
  ({ kind: 'counter', help, labels }) as const
const gauge = <const L extends string>(help: string, ...labels: L[]) =>
  ({ kind: 'gauge', help, labels }) as const
const histogram = <const L extends string>(help: string, bounds: readonly number[], ...labels: L[]) =>
  ({ kind: 'histogram', help, bounds, labels }) as const

export const METRICS = {
  // Decision points: the gateway and the decision service.
  mcpshield_decisions_total: counter('Decisions, by word and by what gave it', 'decision', 'reason'),
  mcpshield_policy_stale_seconds: gauge(
    'For how long policies and keys may be out of date; calls are denied meanwhile',
  ),
  mcpshield_policy_projects: gauge('Projects whose policy is in memory'),
  mcpshield_audit_ack_seconds: histogram(
    'From a record being given to the bus to its acknowledgement',
    FAST_SECONDS,
    'result',
  ),

  // The MCP gateway.
  mcpshield_mcp_requests_total: counter('Requests that were answered', 'method', 'answer'),
  mcpshield_mcp_added_seconds: histogram(
    'Time that the gateway itself added to a request',
    FAST_SECONDS,
    'method',
  ),
  mcpshield_mcp_away_seconds: histogram('Time that upstreams and connectors took', SECONDS, 'at'),
  mcpshield_mcp_refused_total: counter('Messages refused before they were decided', 'kind'),
  mcpshield_mcp_sessions: gauge('Sessions of the legacy era that this instance knows'),
  mcpshield_mcp_streams: gauge('Event streams that are open to clients'),
  mcpshield_mcp_held_calls: gauge('Calls that wait for a person’s word'),
  mcpshield_mcp_quarantined_tools: gauge('Tools whose definition is not the approved one'),

  // HTTP of the REST API and of the decision service.
  mcpshield_http_request_seconds: histogram('Time to answer a request', SECONDS, 'method', 'route', 'status'),
  mcpshield_http_limited_total: counter('Requests refused by a limit', 'route', 'limit'),
  mcpshield_http_streams: gauge('Streams that are open', 'kind'),

  // The bus, in every service.
  mcpshield_rpc_client_seconds: histogram(
    'Calls to other services, as their asker saw them',
    FAST_SECONDS,
    'subject',
    'code',
  ),
  mcpshield_rpc_server_seconds: histogram(
    'Calls of other services, as their owner answered them',
    FAST_SECONDS,
    'subject',
    'code',
  ),
  mcpshield_bus_connected: gauge('Whether the bus is connected'),
  mcpshield_bus_reconnects_total: counter('Times that the connection to the bus came back'),
  mcpshield_messages_published_total: counter('Events and jobs given to a stream', 'subject', 'result'),
  mcpshield_messages_consumed_total: counter('Messages taken from a stream', 'consumer', 'result'),
  mcpshield_consumer_pending: gauge('Messages behind the last one that a consumer was given', 'consumer'),
  mcpshield_consumer_lag_seconds: histogram('Age of a message when it is taken', LAG_SECONDS, 'consumer'),

  // What is told after a change.
  mcpshield_outbox_rows: gauge('Rows that wait to be told', 'schema'),
  mcpshield_outbox_oldest_seconds: gauge('Age of the oldest row that waits', 'schema'),

  // The record.
  mcpshield_ingest_lag_seconds: histogram(
    'From a record being stored in the stream to its rows being in ClickHouse',
    LAG_SECONDS,
  ),
  mcpshield_ingest_batch_rows: histogram('Rows written at once', ROWS),
  mcpshield_ingest_writes_total: counter('Batches, by what became of them', 'result'),

  // Mails.
  mcpshield_mails_total: counter('Mails, by what became of them', 'state'),
} as const satisfies Record<string, MetricDef>

export type MetricName = keyof typeof METRICS
type OfKind<K extends MetricKind> = {
  [N in MetricName]: (typeof METRICS)[N]['kind'] extends K ? N : never
}[MetricName]
export type CounterName = OfKind<'counter'>
export type GaugeName = OfKind<'gauge'>
export type HistogramName = OfKind<'histogram'>
/** Values of a metric's labels. */
export type LabelsOf<N extends MetricName> = Readonly<Record<(typeof METRICS)[N]['labels'][number], string>>
