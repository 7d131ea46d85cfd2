// What a call is, as rules see it (the language never reads raw text). Facts are plain JSON: they are
// stored with each audit record and replayed by simulations.

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue }
export type JsonObject = { [key: string]: JsonValue }

/** A value that could not be known. `unknown` says why, as a sentence fragment a person can act on. */
export type Unknown = { unknown: string }

/** True for the marker of a value that could not be known. */
export function isUnknown(value: unknown): value is Unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && 'unknown' in value
}

export type Operation = 'read' | 'write' | 'schema' | 'admin'

/** One access of one statement or command to one stored thing. */
export type Access = {
  /** The name of the project's connection; unknown for third-party tools that do not say. */
  connection: string | Unknown
  operation: Operation | Unknown
  /** `schema.table`, `table`, a collection or a key; null when the statement touches no stored data. */
  resource: string | null | Unknown
  /** Column or document-field names without the resource (`id`, `address.city`); `[]` when none is used. */
  fields: string[] | Unknown
  /** SQL functions or server-side scripts, lower-case as resolved; `[]` when none is called. */
  functions: string[] | Unknown
}

/** A URL as the WHATWG parser sees it. `host` has no brackets around IPv6 and no trailing dot removed. */
export type UrlFact = { href: string; scheme: string; host: string; port: number }

export type Facts = {
  /** The MCP method, `tools/call` for tool calls. */
  method: string
  /** The canonical name: `upstream/tool`, `connector.verb`, or `upstream/<uri or prompt name>`. */
  tool: string
  arguments: JsonObject | Unknown
  /** The three kinds. A list may hold single unknown members; a whole kind may be unknown. */
  paths: (string | Unknown)[] | Unknown
  urls: (UrlFact | Unknown)[] | Unknown
  accesses: Access[] | Unknown
  /** True when the tool's facts are only guessed from argument names and shapes. */
  guessed?: boolean
}

/** Who and where. What is not given is unknown. */
export type Context = {
  environment?: string | Unknown
  /** The API key's name. */
  key?: string | Unknown
  labels?: string[] | Unknown
  /** The client's own name for itself: a claim, not an identity. */
  agent?: string | Unknown
  user?: string | Unknown
  groups?: string[] | Unknown
  /** RFC 3339, UTC. */
  time?: string | Unknown
}

/** One entry of a policy's `facts:` section: which arguments of a third-party tool hold what. */
export type FactDeclaration = {
  paths?: string[]
  urls?: string[]
  sql?: { argument: string; dialect: 'postgresql' | 'mysql' | 'sqlite'; connection?: string }
}
