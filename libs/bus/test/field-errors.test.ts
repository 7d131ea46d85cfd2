import { expect, test } from 'vitest'
import { z } from 'zod'
import { ingest } from '@mcpshield/contracts/ingest'
import { fieldErrors } from '../src/field-errors.ts'

const errorsOf = (schema: z.ZodType, input: unknown) => {
  const parsed = schema.safeParse(input)
  return parsed.success ? [] : fieldErrors(parsed.error)
}
const event = {
  event_id: '0190d5a8-0000-7000-8000-000000000001',
  type: 'api_call',
  tool: 'x',
  timestamp: '2026-11-27T09:00:00Z',
}

test('of unknown fields, each is named where it stands', () => {
  const schema = z.strictObject({ a: z.strictObject({ b: z.string() }) })
  expect(errorsOf(schema, { a: { b: 'x', c: 1, d: 2 }, e: 3 }).map(({ path }) => path)).toEqual([
    'a.c',
    'a.d',
    'e',
  ])
})

test.for<[string, unknown, string[]]>([
  ['one event with a wrong time', { ...event, timestamp: 'today' }, ['timestamp']],
  ['one event without a type', { ...event, type: undefined }, ['type']],
  ['one event with a field too many', { ...event, user: 'x' }, ['user']],
  [
    'a batch of which one is wrong',
    { events: [event, event, event, { ...event, timestamp: 1 }] },
    ['events.3.timestamp'],
  ],
  [
    'a batch with more wrong fields than an event has',
    { events: Array.from({ length: 9 }, () => ({ ...event, tool: '' })) },
    Array.from({ length: 9 }, (_, index) => `events.${index}.tool`),
  ],
  ['a batch that is no list', { events: event }, ['events']],
  ['an empty batch', { events: [] }, ['events']],
  ['a batch and an event at once', { ...event, events: [event] }, ['events']],
])('%s: what is wrong is said of what it looks like', ([, input, paths]) => {
  expect(errorsOf(ingest.rpc.reportEvents.input, input).map(({ path }) => path)).toEqual(paths)
})

test('a thousand wrong events are not told a thousand times', () => {
  const events = Array.from({ length: 1_000 }, () => ({ ...event, tool: '', type: '' }))
  expect(errorsOf(ingest.rpc.reportEvents.input, { events })).toHaveLength(100)
})
