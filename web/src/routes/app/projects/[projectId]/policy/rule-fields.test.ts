import { expect, test } from 'vitest'
import { beyondFields, fieldsOf, settingsOf, typedList } from './rule-fields.ts'

const RULE = {
  id: 'customers',
  tool: 'postgres.query',
  decision: 'allow',
  conditions: { operations: ['read'], resources: ['public.*'], time: { days: 'mon-fri' } },
  limits: { rate_limit: { calls: 60, per: '1m' }, max_rows: 10 },
  redact: ['email', { fields: ['*.phone'], with: 'hash' }],
}

test('a form that nobody touched changes nothing', () => {
  expect(settingsOf(RULE, fieldsOf(RULE))).toEqual([])
})

test('only what was changed is set, and what was emptied is removed', () => {
  const fields = fieldsOf(RULE)
  expect(
    settingsOf(RULE, {
      ...fields,
      tools: ['postgres.query', 'mysql.query'],
      resources: [],
      rateCalls: '5',
      maxRows: '',
      days: ['sat'],
      detectors: ['email', 'iban'],
    }),
  ).toEqual([
    { path: ['conditions', 'resources'], value: undefined },
    { path: ['tool'], value: ['postgres.query', 'mysql.query'] },
    { path: ['conditions', 'time', 'days'], value: 'sat' },
    { path: ['limits', 'rate_limit', 'calls'], value: 5 },
    { path: ['limits', 'max_rows'], value: undefined },
    { path: ['redact'], value: ['email', 'iban', { fields: ['*.phone'], with: 'hash' }] },
  ])
})

test('what the form cannot show is named', () => {
  expect(beyondFields(RULE)).toEqual([])
  expect(
    beyondFields({
      ...RULE,
      conditions: { parameters: { n: { maximum: 3 } }, agent: 'x', resources: ['a,b'] },
      redact: [{ pattern: 'x' }],
      surprise: 1,
    }),
  ).toEqual(['conditions.parameters', 'conditions.agent', 'conditions.resources', 'redact', 'surprise'])
})

test('lists are typed with commas or lines', () => {
  expect(typedList(' a, b\n\nc ,')).toEqual(['a', 'b', 'c'])
})
