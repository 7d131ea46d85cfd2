// Session ids of the legacy era: what the client said of itself when it came, bound to its credential and signed. Any
// instance can read one; none can be guessed, changed or taken over.
import { createHmac, createSecretKey, hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { isObject } from '@mcpshield/mcp/messages'
import type { JsonObject } from '@mcpshield/policy/facts'

/** What was agreed in `initialize`. */
export type SessionTerms = { version: string; info: JsonObject; capabilities: JsonObject }

export type SessionIds = {
  mint(subject: string, terms: SessionTerms): string
  /** Undefined when the id is not ours, or another's. */
  read(id: string, subject: string): SessionTerms | undefined
}

/** Headers have room for so much, here and on the way. */
const MAX_INFO_BYTES = 600
const MAX_CAPABILITIES_BYTES = 900
const MAX_ID_UNITS = 4_000

export function sessionIds(signingKeyHex: string): SessionIds {
  const key = createSecretKey(signingKeyHex, 'hex')
  const sign = (payload: string, subject: string) =>
    createHmac('sha256', key).update(`mcp-session:${subject}:${payload}`).digest('base64url')
  return {
    mint(subject, { version, info, capabilities }) {
      const content = {
        r: randomBytes(16).toString('base64url'),
        v: version,
        i: boundedInfo(info),
        c: boundedCapabilities(capabilities),
      }
      const payload = Buffer.from(JSON.stringify(content)).toString('base64url')
      return `${payload}.${sign(payload, subject)}`
    },
    read(id, subject) {
      if (id.length > MAX_ID_UNITS) return undefined
      const [payload, signature, ...rest] = id.split('.')
      if (payload === undefined || signature === undefined || rest.length > 0) return undefined
      if (!equal(signature, sign(payload, subject))) return undefined
      const { v, i, c } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
        v: string
        i: JsonObject
        c: JsonObject
      }
      return { version: v, info: i, capabilities: c }
    },
  }
}

/** By which a session is spoken of: the id itself is a secret of its client's. */
export function sessionDigest(id: string): string {
  return hash('sha256', id)
}

function equal(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

const MAX_NAME_UNITS = 100

/** Where it says more than there is room for, its name and version. */
function boundedInfo(info: JsonObject): JsonObject {
  if (bytesOf(info) <= MAX_INFO_BYTES) return info
  return Object.fromEntries(
    ['name', 'version'].flatMap((key) => {
      const value = info[key]
      return typeof value === 'string' ? [[key, value.slice(0, MAX_NAME_UNITS)]] : []
    }),
  )
}

/** Where it says more than there is room for, what the protocol itself knows, as far as that goes. */
const KNOWN_CAPABILITIES = ['elicitation', 'sampling', 'roots', 'tasks', 'extensions', 'experimental']

function boundedCapabilities(capabilities: JsonObject): JsonObject {
  if (bytesOf(capabilities) <= MAX_CAPABILITIES_BYTES) return capabilities
  let kept: JsonObject = {}
  for (const name of KNOWN_CAPABILITIES) {
    const value = capabilities[name]
    if (!isObject(value)) continue
    const more = { ...kept, [name]: value }
    if (bytesOf(more) <= MAX_CAPABILITIES_BYTES) kept = more
  }
  return kept
}

const bytesOf = (value: JsonObject) => Buffer.byteLength(JSON.stringify(value))
