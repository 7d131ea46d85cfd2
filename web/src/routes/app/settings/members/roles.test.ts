import { expect, test } from 'vitest'
import { Role } from '@mcpshield/contracts/caller'
import { ownersOnly, ROLES, rolesThat } from './roles.ts'

test('each role of the contract is explained', () => {
  expect(ROLES.map(({ value }) => value).sort()).toEqual([...Role.options].sort())
})

test('only owners are offered to make owners, and change them', () => {
  expect(rolesThat('owner').map(({ value }) => value)).toContain('owner')
  expect(rolesThat('admin').map(({ value }) => value)).not.toContain('owner')
  expect(ownersOnly('admin', 'owner')).toContain('only owners')
  expect(ownersOnly('admin', 'admin')).toBeUndefined()
  expect(ownersOnly('owner', 'owner')).toBeUndefined()
})
