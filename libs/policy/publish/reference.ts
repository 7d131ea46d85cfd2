// The reference of the language: prose with places for what the code itself says (reference.md beside this file).
import { compile } from '../src/compile.ts'
import type { Conditions } from '../src/conditions-schema.ts'
import { decide } from '../src/decide.ts'
import { DETECTOR_NOTES } from '../src/detectors.ts'
import { DIAGNOSTIC_CODES } from '../src/diagnostic-codes.ts'
import type { Facts } from '../src/facts.ts'
import { policyJsonSchema } from '../src/json-schema.ts'
import { CONDITION_EXAMPLES } from './condition-examples.ts'
import type { ConditionExample, ExampleCall } from './condition-examples.ts'
import { code, flowYaml, table } from './markdown.ts'

type Schema = {
  $ref?: string
  description?: string
  title?: string
  examples?: unknown[]
  properties?: Record<string, Schema>
  required?: string[]
  anyOf?: Schema[]
  enum?: string[]
}

const schema = policyJsonSchema() as Schema & { $defs: Record<string, Schema> }

/** The reference's text, from the prose around it. */
export function referenceText(prose: string): string {
  const parts: Record<string, () => string> = {
    document: () => keysOf(schema),
    rule: () => keysOf(definition('Rule')),
    conditions: () =>
      Object.keys(definition('Conditions').properties ?? {})
        .map(condition)
        .join('\n\n'),
    constraint: () => keysOf(definition('Constraint')),
    time: () => keysOf(definition('TimeWindow')),
    facts: () => keysOf(definition('FactDeclaration')),
    sql: () => keysOf(definition('FactDeclaration').properties?.['sql'] ?? {}),
    limits: () => keysOf(definition('Limits')),
    rate_limit: () => keysOf(definition('RateLimit')),
    detectors: () =>
      table(
        ['detector', 'finds'],
        Object.entries(DETECTOR_NOTES).map(([name, note]) => [code(name), note]),
      ),
    tests: () => keysOf(definition('PolicyTest')),
    diagnostics: () =>
      table(
        ['code', 'severity', 'when'],
        Object.entries(DIAGNOSTIC_CODES).map(([name, { severity, meaning }]) => [
          code(name),
          severity,
          meaning,
        ]),
      ),
  }
  const used = new Set<string>()
  const text = prose.replace(/^<!-- (\w+) -->$/gm, (_, name: string) => {
    const part = parts[name]
    if (part === undefined) throw new Error(`The reference has no part ${name}.`)
    used.add(name)
    return part()
  })
  const missing = Object.keys(parts).filter((name) => !used.has(name))
  if (missing.length > 0) throw new Error(`The prose has no place for ${missing.join(', ')}.`)
  return text
}

function definition(name: string): Schema {
  const found = schema.$defs[name]
  if (found === undefined) throw new Error(`The schema has no ${name}.`)
  return found
}

function keysOf({ properties = {}, required = [] }: Schema): string {
  return table(
    ['key', 'what it says'],
    Object.entries(properties).map(([name, property]) => [
      required.includes(name) ? `${code(name)} (required)` : code(name),
      [describe(name, property), example(property)].filter((text) => text !== '').join(' '),
    ]),
  )
}

function describe(name: string, property: Schema): string {
  const referred = property.$ref === undefined ? undefined : definition(property.$ref.split('/').at(-1) ?? '')
  const text = property.description ?? referred?.description ?? referred?.title
  if (text === undefined) throw new Error(`${name} has no description.`)
  return text
}

function example({ examples = [] }: Schema): string {
  return examples.length === 0 ? '' : `Such as ${examples.map((each) => code(flowYaml(each))).join(' or ')}.`
}

function condition(name: string): string {
  const shown = CONDITION_EXAMPLES[name as keyof Conditions]
  const property = definition('Conditions').properties?.[name] ?? {}
  const lines = [`### \`${name}\``, '', describe(name, property)]
  if (shown.note !== undefined) lines.push('', shown.note)
  lines.push('', '```yaml', `conditions: ${flowYaml(shown.conditions)}`, '```', '')
  const rows = [shown.allowed, shown.denied].map((each) => [each.text, ...decided(shown, each)])
  return [...lines, table(['a call', 'is', 'because'], rows)].join('\n')
}

/** What the engine makes of a call when one rule with these conditions allows. */
export function decided(
  { conditions }: ConditionExample,
  { call, context = {} }: ExampleCall,
): [string, string] {
  const facts: Facts = {
    ...{ method: 'tools/call', tool: 'a.tool', arguments: {}, paths: [], urls: [], accesses: [] },
    ...call,
  }
  const rules = [{ id: 'example', tool: 'a.tool', decision: 'allow' as const, conditions }]
  const { decision, reason } = decide(compile({ version: 1, rules }), facts, context)
  return [decision === 'allow' ? 'allowed' : 'denied', reason]
}
