import { expect, test } from 'vitest'
import type { Facts, JsonObject } from '@mcpshield/policy/facts'
import { factsCache } from '../src/facts-cache.ts'

const facts = (args: Facts['arguments']): Facts => ({
  method: 'tools/call',
  tool: 'a/b',
  arguments: args,
  paths: [],
  urls: [],
  accesses: [],
})

test('a second call gets its own arguments with the facts of the first, drawn once', () => {
  const cache = factsCache()
  let drawn = 0
  const ask = (args: JsonObject) => cache.get('p|', args, () => (drawn++, facts(args)))
  ask({ a: 1 })
  const args = { a: 1 }
  expect(ask(args).arguments).toBe(args)
  expect(drawn).toBe(1)
})

test('arguments that could not be read stay unknown when the same call comes again', () => {
  const cache = factsCache()
  const unknown = { unknown: 'nested too deeply' }
  const ask = () => cache.get('p|', { a: 1 }, () => facts(unknown))
  expect(ask().arguments).toEqual(unknown)
  expect(ask().arguments).toEqual(unknown)
})
