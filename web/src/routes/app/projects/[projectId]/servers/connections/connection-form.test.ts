import { describe, expect, test } from 'vitest'
import { HELP, kindOf, settingsIn } from './connection-form.ts'
import { KINDS } from '../../../infrastructure.ts'

const formOf = (fields: Record<string, string>) => {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  return form
}

test.for(KINDS)('%s takes an address or a path, and never both', (kind) => {
  const settings = settingsIn(formOf({ url: 'x://y', path: '/y' }), kind)
  expect(Object.keys(settings).filter((name) => name !== 'options')).toEqual([HELP[kind].field])
})

describe('an option', () => {
  test('of PostgreSQL is a list, and none where it is empty', () => {
    expect(
      settingsIn(formOf({ search_path: 'shop, public', pure_functions: '' }), 'postgresql').options,
    ).toEqual({
      search_path: ['shop', 'public'],
    })
  })

  test('that was there goes when it is emptied, and others stay', () => {
    const before = { search_path: ['shop'], statement_note: 'mine' }
    expect(settingsIn(formOf({ search_path: '' }), 'postgresql', before).options).toEqual({
      statement_note: 'mine',
    })
    expect(settingsIn(formOf({}), 'mysql', { database: 'shop' }).options).toEqual({ database: 'shop' })
  })

  test('that opens private addresses is on only when it is ticked', () => {
    expect(settingsIn(formOf({}), 'http', { allow_private: true }).options).toEqual({})
    expect(settingsIn(formOf({ allow_private: 'on' }), 'http').options).toEqual({ allow_private: true })
  })
})

test('an empty address leaves what is there', () => {
  expect(settingsIn(formOf({ url: ' ' }), 'redis')).toEqual({ options: {} })
})

test('an unknown kind is the first', () => {
  expect(kindOf('oracle')).toBe('postgresql')
  expect(kindOf('redis')).toBe('redis')
})
