// What operators count. Counting is plain arithmetic on numbers that are found once: a call passes many of these. The
// text is made when it is asked for.
import {
  METRICS,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type LabelsOf,
  type MetricDef,
  type MetricName,
} from './metric-table.ts'

export type Count = { value: number }
export type Timing = { observe(value: number): void }

/** Values of a gauge as of now. */
export type GaugeValue<N extends GaugeName> = { labels: LabelsOf<N>; value: number }
export type ReadGauge<N extends GaugeName> = () => GaugeValue<N>[] | Promise<GaugeValue<N>[]>

export type Metrics = {
  /** The count under these labels, to be kept by whoever counts often. */
  counter<N extends CounterName>(name: N, labels: LabelsOf<N>): Count
  histogram<N extends HistogramName>(name: N, labels: LabelsOf<N>): Timing
  /** Read whenever metrics are asked for, until disposed. Several readers of one gauge add up. */
  gauge<N extends GaugeName>(name: N, read: ReadGauge<N>): Disposable
  /** As Prometheus reads it. With `process` also what Node tells of itself. */
  text(options?: { process?: boolean }): Promise<{ type: string; body: string }>
}

/** Of one metric. More would mean that something chosen by callers had become a label: then they are counted as one. */
const MAX_SERIES = 2_000
/** A gauge that is asked of a store; what does not answer is left out. */
const READ_WITHIN_MS = 1_000

type Series = Count | Buckets
type Value = { labels: Record<string, string | number>; value: number; metricName?: string }

export function openMetrics(): Metrics {
  const series = new Map<MetricName, Map<string, { labels: Record<string, string>; series: Series }>>()
  const gauges = new Map<GaugeName, Set<ReadGauge<GaugeName>>>()

  const seriesOf = (name: MetricName, labels: Readonly<Record<string, string>>, make: () => Series) => {
    const ofName = series.get(name) ?? new Map<string, { labels: Record<string, string>; series: Series }>()
    series.set(name, ofName)
    const key = keyOf(name, labels)
    const known = ofName.get(key)
    if (known !== undefined) return known.series
    if (ofName.size >= MAX_SERIES && key !== keyOf(name, othersOf(name)))
      return seriesOf(name, othersOf(name), make)
    const made = make()
    ofName.set(key, { labels: { ...labels }, series: made })
    return made
  }
  const valuesOf = async (name: MetricName): Promise<Value[]> => {
    if (METRICS[name].kind === 'gauge') return gaugeValues(gauges.get(name as GaugeName) ?? new Set())
    return [...(series.get(name)?.values() ?? [])].flatMap((each) =>
      each.series instanceof Buckets
        ? each.series.values(name, each.labels)
        : [{ labels: each.labels, value: each.series.value }],
    )
  }
  return {
    counter: (name, labels) => seriesOf(name, labels, () => ({ value: 0 })) as Count,
    histogram: (name, labels) => seriesOf(name, labels, () => new Buckets(METRICS[name].bounds)) as Buckets,
    gauge(name, read) {
      const readers = gauges.get(name) ?? new Set()
      gauges.set(name, readers.add(read))
      return { [Symbol.dispose]: () => void readers.delete(read) }
    },
    text: ({ process = false } = {}) => textOf(valuesOf, process),
  }
}

/** Of this process. Tests make their own. */
export const metrics: Metrics = openMetrics()

function keyOf(name: MetricName, labels: Readonly<Record<string, string>>): string {
  const names: readonly string[] = METRICS[name].labels
  // The usual numbers of labels, without an array for each call.
  if (names.length === 0) return ''
  if (names.length === 1) return labels[names[0] ?? ''] ?? ''
  return names.map((each) => labels[each]).join('\n')
}

function othersOf(name: MetricName): Record<string, string> {
  return Object.fromEntries(METRICS[name].labels.map((label) => [label, 'other']))
}

/** How often a value was at most each bound. */
class Buckets implements Timing {
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(value: number): void {
    const bounds = this.#bounds
    let at = 0
    while (at < bounds.length && value > (bounds[at] as number)) at++
    this.#counts[at] = (this.#counts[at] as number) + 1
    this.#sum += value
  }

  values(name: string, labels: Record<string, string>): Value[] {
    let total = 0
    const buckets = this.#counts.map((count, at): Value => {
      total += count
      const le = this.#bounds[at] ?? '+Inf'
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: total }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: total },
    ]
  }
}

async function gaugeValues(readers: ReadonlySet<ReadGauge<GaugeName>>): Promise<Value[]> {
  const read = await Promise.all([...readers].map((reader) => within(reader)))
  const sums = new Map<string, Value>()
  for (const { labels, value } of read.flat() as { labels: Record<string, string>; value: number }[]) {
    const key = JSON.stringify(labels)
    sums.set(key, { labels, value: (sums.get(key)?.value ?? 0) + value })
  }
  return [...sums.values()]
}

async function within(read: ReadGauge<GaugeName>): Promise<unknown[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<[]>((resolve) => (timer = setTimeout(() => resolve([]), READ_WITHIN_MS)))
  try {
    return await Promise.race([read(), late])
  } catch {
    return []
  } finally {
    clearTimeout(timer)
  }
}

type ValuesOf = (name: MetricName) => Promise<Value[]>

/** Loaded when metrics are first asked for: most processes of a small installation never are. */
async function textOf(valuesOf: ValuesOf, process: boolean): Promise<{ type: string; body: string }> {
  const { Registry } = await import('prom-client')
  const registry = new Registry()
  for (const [name, def] of Object.entries(METRICS) as [MetricName, MetricDef][]) {
    const metric = {
      name,
      get: async () => ({
        name,
        help: def.help,
        type: def.kind,
        values: await valuesOf(name),
        aggregator: 'sum',
      }),
    }
    registry.registerMetric(metric as unknown as Parameters<typeof registry.registerMetric>[0])
  }
  const own = await registry.metrics()
  return { type: registry.contentType, body: process ? `${own}\n${await processText()}` : own }
}

let processRegistry: Promise<{ metrics(): Promise<string> }> | undefined

/** CPU, memory, garbage collection and the delay of the event loop. */
async function processText(): Promise<string> {
  processRegistry ??= import('prom-client').then(({ Registry, collectDefaultMetrics }) => {
    const registry = new Registry()
    collectDefaultMetrics({ register: registry })
    return registry
  })
  return (await processRegistry).metrics()
}
