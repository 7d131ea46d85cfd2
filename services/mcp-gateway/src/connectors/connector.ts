// Built-in connectors: the second wall. They run what was decided and can do no more.
import type { Runtime } from '@mcpshield/contracts/projects'
import type { Access, JsonObject, JsonValue, UrlFact } from '@mcpshield/policy/facts'
import type { Sources } from '@mcpshield/redact/redact-value'
import type { ArgsOf, ConnectorToolName } from './tools.ts'

export type ConnectionSpec = Runtime['connections'][number]

/** What the decision allows the connector to do. Of what the call touches, everything in it is known. */
export type Grant = {
  accesses: Access[]
  paths: string[]
  urls: UrlFact[]
  /** True when every access only reads: the connector then makes sure that nothing is changed. */
  readOnly: boolean
  maxRows: number
  maxBytes: number
  timeoutMs: number
  signal: AbortSignal
  /** Set when results will be redacted by source field: the connector then tells what outputs were computed from. */
  needsSources: boolean
  /** Set when results will be redacted at all: what cannot be inspected, such as a picture, is then withheld. */
  redacts: boolean
  /**
   * Whether the same call would be allowed, and under the same obligations, if it touched these: what a link or a
   * redirect leads to, what lies below a folder.
   */
  alsoAllows(touched: { paths: string[] } | { urls: UrlFact[] }): boolean
  /** Whether the policy allows a URL by naming its very host, as it must for one that is not public. */
  namesHost(url: UrlFact): boolean
}

/** What a call gave, before redaction. */
export type Answer = {
  /** The data, under the name the client sees: `{ rows: [...] }`, `{ documents: [...] }`, `{ text: '…' }`. */
  data: Record<string, JsonValue>
  /** Of a list of objects: the source fields each member was computed from. */
  sources?: Sources
  /** What is not data: column names, counts, a status. No rule about fields looks at it. */
  about: JsonObject
  /** The string among the data that is shown as plain text; without it all is shown as JSON. */
  shown?: string
  /** Rows or documents, for the record; null where there are none. */
  rows: number | null
  /** True when there was more than the caps let through. */
  cut: boolean
}

export type Connector = AsyncDisposable & {
  run<Name extends ConnectorToolName>(tool: Name, args: ArgsOf<Name>, grant: Grant): Promise<Answer>
  /** MongoDB: what its database has, which no tool asks for. */
  collections?(grant: Pick<Grant, 'timeoutMs' | 'signal'>): Promise<CollectionName[]>
}

/** `isStored`: whether it has documents of its own, and is no view. */
export type CollectionName = { name: string; isStored: boolean }

/** A connector that only has statements to run. */
export type Statements = AsyncDisposable & { query(sql: string, grant: Grant): Promise<Table> }

/** A table of results. */
export type Table = {
  columns: string[]
  rows: JsonObject[]
  cut: boolean
  /** The columns an output was computed from, where that can be told. */
  sources?: Sources
}

export function tableAnswer({ columns, rows, cut, sources }: Table): Answer {
  return {
    data: { rows },
    ...(sources === undefined ? {} : { sources }),
    about: { columns, row_count: rows.length },
    rows: rows.length,
    cut,
  }
}
