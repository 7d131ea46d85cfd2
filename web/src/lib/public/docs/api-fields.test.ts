import { describe, expect, test } from 'vitest'
import { fieldsOf, type Schema } from './api-fields.ts'

const fields = (properties: Record<string, Schema>, required: string[] = []) =>
  fieldsOf({ type: 'object', properties, required }, {})

describe('a schema', () => {
  test('is a row for each field, those inside of others by dotted names', () => {
    expect(
      fields(
        {
          id: { type: 'string', format: 'uuid' },
          of: { type: 'object', properties: { deep: { type: ['string', 'null'] } }, required: ['deep'] },
          list: {
            type: 'array',
            items: { type: 'object', properties: { n: { type: 'integer', minimum: 1, maximum: 9 } } },
          },
        },
        ['id'],
      ),
    ).toEqual([
      { name: 'id', type: 'UUID', required: true, notes: '' },
      { name: 'of', type: 'object', required: false, notes: '' },
      { name: 'of.deep', type: 'text or null', required: true, notes: '' },
      { name: 'list', type: 'list of object', required: false, notes: '' },
      { name: 'list[].n', type: 'whole number', required: false, notes: '1 to 9' },
    ])
  })

  test('says which of several forms a field belongs to', () => {
    const schema = {
      anyOf: [
        { type: 'object', properties: { a: { const: 1 } } },
        { type: 'object', properties: { b: {} } },
      ],
    }
    expect(fieldsOf(schema, {})).toEqual([
      { name: 'a', type: '1', required: false, notes: 'form 1 of 2' },
      { name: 'b', type: 'any JSON', required: false, notes: 'form 2 of 2' },
    ])
  })

  test('passes over bounds that every number has', () => {
    const { MIN_SAFE_INTEGER: minimum, MAX_SAFE_INTEGER: maximum } = Number
    expect(fields({ n: { type: 'integer', minimum, maximum, default: 3 } })[0]?.notes).toBe('3 when absent')
  })

  test('that holds itself comes to an end', () => {
    const tree: Schema = { type: 'object', properties: {} }
    tree.properties = { child: tree }
    expect(fieldsOf(tree, {}).length).toBeLessThan(10)
  })
})
