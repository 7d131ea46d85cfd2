import { randomBytes } from 'node:crypto'
import { createAccount, fromSeed } from '@nats-io/nkeys'
import { expect, test } from 'vitest'
import { nkeySeed, PREFIX } from '../src/nkey-seeds.ts'
import { siemAccount } from '../src/siem-accounts.ts'

test.for([
  ['account', 'A'],
  ['user', 'U'],
] as const)('the seed of an %s is one to nkeys, and the same from the same bytes', ([kind, first]) => {
  const raw = randomBytes(32)
  const pair = fromSeed(new TextEncoder().encode(nkeySeed(PREFIX[kind], raw)))
  expect(pair.getPublicKey()).toMatch(new RegExp(`^${first}`))
  expect(nkeySeed(PREFIX[kind], raw)).toBe(new TextDecoder().decode(pair.getSeed()))
  const message = randomBytes(20)
  expect(pair.verify(message, pair.sign(message))).toBe(true)
})

test('a credential has one account, and another has another', () => {
  const keys = [randomBytes(32), randomBytes(32)]
  const id = (key: number, credential: string) => siemAccount(keys[key]!, credential).getPublicKey()
  expect(id(0, 'a')).toBe(id(0, 'a'))
  expect(new Set([id(0, 'a'), id(0, 'b'), id(1, 'a'), createAccount().getPublicKey()]).size).toBe(4)
})
