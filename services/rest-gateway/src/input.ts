// Pure: an HTTP request's parts → the endpoint's input. Nothing is overruled in silence: a field given in two
// places is refused. So is what a person writes that is no text: a store would refuse it later, with less to say.
import type { RpcDef, HttpRoute } from '@mcpshield/contracts/define'
import { AppError, type FieldError } from '@mcpshield/contracts/errors'
import { hasBody, inputProperties } from '@mcpshield/contracts/openapi'

export type RequestParts = {
  params: Record<string, string>
  query: Record<string, string | string[]>
  body: unknown
  headers: Record<string, string | string[] | undefined>
}

type Types = Record<string, string | undefined>

/** A function that makes an endpoint's input of a request. */
export function inputOf(def: RpcDef & { http: HttpRoute }): (parts: RequestParts) => Record<string, unknown> {
  const { http } = def
  const types: Types = Object.fromEntries(
    Object.entries(inputProperties(def)).map(([name, schema]) => [name, schema.type as string | undefined]),
  )
  return ({ params, query, body, headers }) => {
    const mapped = Object.entries(http.headers ?? {}).flatMap(([header, name]): [string, unknown][] => {
      const value = headers[header]
      return value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]]
    })
    if (hasBody(http) && Object.keys(query).length > 0) {
      throw refused(Object.keys(query).map((path) => ({ path, message: 'belongs into the body' })))
    }
    const input = merged([
      fromText(params, types),
      fromText(query, types),
      Object.entries(bodyFields(http, body)),
      mapped,
    ])
    // What an agent asks for is decided and recorded as it is, whatever it is.
    const errors = def.access === 'api_key' ? [] : noTexts(input, [])
    if (errors.length > 0) throw refused(errors)
    return input
  }
}

function bodyFields(http: HttpRoute, body: unknown): object {
  if (body === undefined || body === null) return {}
  if (!hasBody(http)) throw new AppError('INVALID_ARGUMENT', `${http.method} ${http.path} takes no body.`)
  if (typeof body === 'object' && !Array.isArray(body)) return body
  throw new AppError('INVALID_ARGUMENT', 'The body must be a JSON object.')
}

/** Texts of a path or query, as the types that the input's schema names. What does not fit stays text. */
function fromText(given: Record<string, string | string[]>, types: Types): [string, unknown][] {
  return Object.entries(given).map(([name, value]) => {
    if (types[name] === 'array') return [name, Array.isArray(value) ? value : [value]]
    if (Array.isArray(value)) throw refused([{ path: name, message: 'must be given once' }])
    return [name, typed(value, types[name])]
  })
}

function typed(text: string, type: string | undefined): unknown {
  if ((type === 'integer' || type === 'number') && /^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

/** Where text has a NUL character, or half of a surrogate pair. */
function noTexts(value: unknown, path: string[]): FieldError[] {
  if (typeof value === 'string')
    return isText(value) ? [] : [{ path: path.join('.'), message: 'has characters that are no text' }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, each]) =>
    isText(key)
      ? noTexts(each, [...path, key])
      : [{ path: path.join('.'), message: 'has a name that is no text' }],
  )
}

const isText = (text: string) => !text.includes('\0') && text.isWellFormed()

function merged(places: [string, unknown][][]): Record<string, unknown> {
  const all = places.flat()
  const seen = new Set<string>()
  for (const [name] of all) {
    if (seen.has(name)) throw refused([{ path: name, message: 'is given in two places' }])
    seen.add(name)
  }
  return Object.fromEntries(all)
}

function refused(errors: FieldError[]): AppError {
  return new AppError('INVALID_ARGUMENT', 'Some fields are not valid.', { errors })
}
