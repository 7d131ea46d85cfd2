// One declaration of a message gives its types, subject, validation, HTTP route, OpenAPI entry and client.
// These are the only clever types of the project.
import type { z } from 'zod'
import type { ErrorCode } from './errors.ts'
import type { Right } from './rights.ts'

/** Who may call: anyone, a signed-in person, an API key, a person or a key, who runs the installation, or only other services. */
export type Access = 'public' | 'user' | 'api_key' | 'user_or_key' | 'operator' | 'internal'

export type HttpRoute = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With `{name}` parameters, which are fields of the input. */
  path: string
  /** Status of success; 204 sends no body. */
  status?: 200 | 201 | 202 | 204
  /** Request headers that become fields of the input: `{ 'if-match': 'if_match' }`. */
  headers?: Record<string, string>
  /** Answer field sent as the ETag header. */
  etag?: string
  /** Answer field, a sentence, that a browser is shown as a page instead of the JSON. */
  page?: string
  /** A DELETE that asks for something, such as the password: its input comes in the body. */
  body?: true
  /** The answer is of any length: the endpoint is asked again until it says that there is no more. */
  stream?: HttpStream
  /** How often one caller may ask in a minute; 600 when absent. */
  perMinute?: number
  summary: string
}

/** Such an endpoint's input has `cursor`, its output is `{ chunk: string, next_cursor: string | null }`. */
export type HttpStream = FileStream | EventStream

/** A text to be saved. */
export type FileStream = {
  /** Input field that chooses the form of the answer. */
  by: string
  /** Its values → the media type, and the ending of the file's name. */
  types: Record<string, { type: string; extension: string }>
  /** Name of the file that a browser saves, without its ending. */
  filename: string
}

/**
 * Server-sent events, each piece passed on at once. A piece is whole events; with nothing to tell it is a comment, so that
 * the connection is seen to live.
 */
export type EventStream = {
  /** The data of each event, as JSON. */
  events: z.ZodType
}

type RpcSpec<I extends z.ZodType, O extends z.ZodType> = {
  input: I
  output: O
  errors: readonly ErrorCode[]
  access: Access
  /** What a person must be allowed in the organisation; asked before the handler is. Anyone in it when absent. */
  right?: Right
  http?: HttpRoute
  /** Deadline in milliseconds; 5,000 when absent. */
  timeoutMs?: number
}

export type RpcDef<
  S extends string = string,
  I extends z.ZodType = z.ZodType,
  O extends z.ZodType = z.ZodType,
> = RpcSpec<I, O> & {
  kind: 'rpc'
  subject: S
}

export type EvtDef<S extends string = string, P extends z.ZodType = z.ZodType> = {
  kind: 'evt'
  subject: S
  payload: P
}

/** Work to be done once, later: `job.<service>.<do>`. */
export type JobDef<S extends string = string, P extends z.ZodType = z.ZodType> = {
  kind: 'job'
  subject: S
  payload: P
}

export type KvDef<B extends string = string, V extends z.ZodType = z.ZodType> = {
  kind: 'kv'
  bucket: B
  value: V
}

export function rpc<I extends z.ZodType, O extends z.ZodType>(spec: RpcSpec<I, O>): RpcSpec<I, O> {
  return spec
}

type NamedRpc<N extends string, R> = {
  [K in keyof R & string]: R[K] extends RpcSpec<infer I, infer O> ? RpcDef<`rpc.${N}.${K}`, I, O> : never
}
type NamedEvt<N extends string, E> = {
  [K in keyof E & string]: E[K] extends z.ZodType ? EvtDef<`evt.${N}.${K}`, E[K]> : never
}
type NamedJob<N extends string, J> = {
  [K in keyof J & string]: J[K] extends z.ZodType ? JobDef<`job.${N}.${K}`, J[K]> : never
}
type NamedKv<V> = { [K in keyof V & string]: V[K] extends z.ZodType ? KvDef<K, V[K]> : never }

/** Names each endpoint after its key, so that nobody spells a subject by hand. */
export function contract<
  const N extends string,
  R extends Record<string, RpcSpec<z.ZodType, z.ZodType>>,
  E extends Record<string, z.ZodType> = Record<never, never>,
  V extends Record<string, z.ZodType> = Record<never, never>,
  J extends Record<string, z.ZodType> = Record<never, never>,
>(
  name: N,
  parts: { rpc: R; evt?: E; kv?: V; job?: J },
): { name: N; rpc: NamedRpc<N, R>; evt: NamedEvt<N, E>; kv: NamedKv<V>; job: NamedJob<N, J> } {
  const named = (source: object, make: (key: string, value: never) => object) =>
    Object.fromEntries(Object.entries(source).map(([key, value]) => [key, make(key, value as never)]))
  return {
    name,
    rpc: named(parts.rpc, (key, spec: object) => ({
      kind: 'rpc',
      subject: `rpc.${name}.${key}`,
      ...spec,
    })) as NamedRpc<N, R>,
    evt: named(parts.evt ?? {}, (key, payload) => ({
      kind: 'evt',
      subject: `evt.${name}.${key}`,
      payload,
    })) as NamedEvt<N, E>,
    kv: named(parts.kv ?? {}, (bucket, value) => ({ kind: 'kv', bucket, value })) as NamedKv<V>,
    job: named(parts.job ?? {}, (key, payload) => ({
      kind: 'job',
      subject: `job.${name}.${key}`,
      payload,
    })) as NamedJob<N, J>,
  }
}

export type Input<D extends RpcDef> = z.input<D['input']>
export type ParsedInput<D extends RpcDef> = z.output<D['input']>
export type Output<D extends RpcDef> = z.output<D['output']>

/** Handlers of a contract's endpoints, named like them. */
export type Handlers<R extends Record<string, RpcDef>, C> = {
  [K in keyof R]: (input: ParsedInput<R[K]>, call: C) => Promise<Output<R[K]>>
}
