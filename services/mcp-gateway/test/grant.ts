import type { Grant } from '../src/connectors/connector.ts'

/** A grant to read, within small limits. */
export const makeGrant = (change: Partial<Grant> = {}): Grant => ({
  accesses: [],
  paths: [],
  urls: [],
  readOnly: true,
  maxRows: 100,
  maxBytes: 1_000_000,
  timeoutMs: 5_000,
  signal: new AbortController().signal,
  needsSources: false,
  redacts: false,
  alsoAllows: () => true,
  namesHost: () => false,
  ...change,
})
