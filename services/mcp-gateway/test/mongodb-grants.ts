// Connections and grants for the tests of the MongoDB connector.
import type { Access } from '@mcpshield/policy/facts'
import type { ConnectionSpec, Grant } from '../src/connectors/connector.ts'
import type { ConnectorToolName } from '../src/connectors/tools.ts'
import { makeGrant } from './grant.ts'

export type Tool = ConnectorToolName & `mongodb.${string}`

export const spec = (url: string, change: Partial<ConnectionSpec> = {}): ConnectionSpec => ({
  name: 'docs',
  kind: 'mongodb',
  url,
  path: null,
  options: {},
  ...change,
})
export const accesses = (operation: Access['operation'], collections: string[]): Access[] =>
  collections.map((resource) => ({ connection: 'docs', operation, resource, fields: [], functions: [] }))
export const reading = (change: Partial<Grant> = {}) =>
  makeGrant({ accesses: accesses('read', ['people', 'many', 'types']), ...change })
export const writing = (change: Partial<Grant> = {}) =>
  makeGrant({ accesses: accesses('write', ['people', 'made']), readOnly: false, ...change })
