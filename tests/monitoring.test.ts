// What infra/ has for operators speaks of metrics that there are, with labels that they have.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { METRICS, type MetricDef } from '@mcpshield/runtime/metric-table'
import { promtool } from './promtool.ts'

const infra = join(import.meta.dirname, '../infra')
const metrics: Record<string, MetricDef> = METRICS

type Rule = { alert: string; expr: string; labels: { severity: string }; annotations: Record<string, string> }
type Panel = {
  title: string
  gridPos: { x: number; y: number; w: number; h: number }
  targets?: { expr: string; legendFormat: string }[]
}

const alerts = (
  parse(readFileSync(join(infra, 'prometheus/alerts.yml'), 'utf8')) as { groups: { rules: Rule[] }[] }
).groups.flatMap(({ rules }) => rules)
const panels = (
  JSON.parse(readFileSync(join(infra, 'grafana/dashboard.json'), 'utf8')) as { panels: Panel[] }
).panels
const shown = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => [title, expr, legendFormat] as const),
)

/** Of Prometheus itself, of a scrape's configuration, or Node's own. */
const OTHERS =
  /^(up|process_cpu_seconds_total|process_resident_memory_bytes|nodejs_eventloop_lag_p99_seconds)$/
const WORDS = new Set(
  'sum max min by rate increase histogram_quantile topk le or and on service instance job'.split(' '),
)

/** What an expression names: metrics, with the labels that it selects or groups by. */
function named(expr: string): { metric: string; labels: string[] }[] {
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap((match) => match[1]?.split(',') ?? [])
  const bare = expr.replace(/"[^"]*"/g, '""').replace(/\bby \([^)]*\)/g, '')
  return [...bare.matchAll(/\b([a-z_][a-z0-9_]+)(?:\{([^}]*)\})?/g)]
    .filter(([, name = '']) => !WORDS.has(name) && !/^\d/.test(name) && name !== '__rate_interval')
    .filter(([whole]) => !/^[a-z_]+$/.test(whole) || whole.includes('_') || whole === 'up')
    .map(([, metric = '', selectors = '']) => ({
      metric,
      labels: [...selectors.split(',').map((each) => each.split(/[=!~]/)[0] ?? ''), ...grouped]
        .map((label) => label.trim())
        .filter((label) => label !== ''),
    }))
}

function problemsOf(expr: string): string[] {
  return named(expr).flatMap(({ metric, labels }) => {
    if (OTHERS.test(metric)) return []
    const isBucket = /_(bucket|count|sum)$/.test(metric)
    const def = metrics[isBucket ? metric.replace(/_(bucket|count|sum)$/, '') : metric]
    if (def === undefined) return [`there is no ${metric}`]
    if (isBucket !== (def.kind === 'histogram')) return [`${metric} is a ${def.kind}`]
    const known = new Set([...def.labels, 'le', 'service', 'instance', 'job'])
    return labels.filter((label) => !known.has(label)).map((label) => `${metric} has no label ${label}`)
  })
}

test('the reading of expressions finds what is wrong', () => {
  expect(problemsOf('sum by (tool) (rate(mcpshield_decisions_total[5m]))')).toEqual([
    'mcpshield_decisions_total has no label tool',
  ])
  expect(problemsOf('mcpshield_made_up > 1')).toEqual(['there is no mcpshield_made_up'])
  expect(problemsOf('rate(mcpshield_mcp_added_seconds[5m])')).toEqual([
    'mcpshield_mcp_added_seconds is a histogram',
  ])
  expect(problemsOf('rate(mcpshield_mcp_added_seconds_count{path="x"}[5m])')).toHaveLength(1)
})

test.for(alerts.map(({ alert, expr }) => [alert, expr] as const))(
  'the alert %s asks for what there is',
  ([, expr]) => {
    expect(named(expr).length).toBeGreaterThan(0)
    expect(problemsOf(expr)).toEqual([])
  },
)

test('each alert says how urgent it is, what it means and where to look', () => {
  for (const { labels, annotations } of alerts) {
    expect(labels.severity).toMatch(/^(page|ticket)$/)
    expect(annotations.summary).toBeTruthy()
    expect(annotations.description).toBeTruthy()
  }
  expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length)
})

describe('the dashboard', () => {
  test.for(shown)('%s: %s', ([, expr]) => {
    expect(named(expr).length).toBeGreaterThan(0)
    expect(problemsOf(expr)).toEqual([])
  })

  test('names in a legend only labels that its expression keeps', () => {
    for (const [, expr, legend] of shown)
      for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/g)) expect(expr, legend).toContain(label)
  })

  test('has no panel upon another', () => {
    for (const one of panels)
      for (const other of panels) if (one !== other) expect(overlap(one, other), one.title).toBe(false)
  })

  test('shows every metric that there is', () => {
    const all = shown.map(([, expr]) => expr).join('\n')
    expect(Object.keys(metrics).filter((name) => !all.includes(name))).toEqual([])
  })
})

function overlap({ gridPos: one }: Panel, { gridPos: other }: Panel): boolean {
  return (
    one.x < other.x + other.w &&
    other.x < one.x + one.w &&
    one.y < other.y + other.h &&
    other.y < one.y + one.h
  )
}

test('every service is scraped', () => {
  const text = readFileSync(join(infra, 'prometheus/prometheus.yml'), 'utf8')
  const services = readdirSync(join(infra, '../services')).filter((name) =>
    existsSync(join(infra, '../services', name, 'package.json')),
  )
  for (const service of services) expect(text).toContain(`targets: ['${service}:9464']`)
})

const tool = promtool()
test.skipIf(tool === undefined)('Prometheus’ own tool finds nothing wrong', () => {
  const folder = join(infra, 'prometheus')
  const check = (...args: string[]) => spawnSync(tool ?? '', args, { cwd: folder, encoding: 'utf8' })
  const rules = check('check', 'rules', 'alerts.yml')
  expect(rules.status, rules.stderr).toBe(0)
  const config = check('check', 'config', 'prometheus.yml')
  expect(config.status, config.stderr).toBe(0)
})
