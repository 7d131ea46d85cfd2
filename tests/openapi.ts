// The REST API as its document says it, in the shape that tests walk.
import { flow } from '@mcpshield/contracts/flow'
import { openApiDocument } from '@mcpshield/contracts/openapi'
import type { Schema } from './json-schema.ts'

export type Parameter = { name: string; in: 'path' | 'query' | 'header'; required: boolean; schema: Schema }

export type Operation = {
  id: string
  method: string
  /** With `{name}` parameters. */
  path: string
  parameters: Parameter[]
  body: { required: boolean; schema: Schema } | undefined
  /** Status → the schema of its JSON, where it has one. */
  answers: Map<number, Schema | undefined>
  /** Who may call, as the names of security schemes; nobody in particular when empty. */
  callers: ('user' | 'api_key' | 'operator')[]
  right: string | undefined
}

export type ApiDocument = {
  paths: Record<string, Record<string, RawOperation>>
  components: { schemas: Record<string, Schema>; responses: Record<string, RawAnswer> }
}

type RawAnswer = { content?: Record<string, { schema: Schema }>; $ref?: string }
type RawOperation = {
  operationId: string
  parameters: Parameter[]
  requestBody?: { required: boolean; content: Record<string, { schema: Schema }> }
  responses: Record<string, RawAnswer>
  security: Record<string, unknown>[]
  'x-required-right'?: string
}

/** The document as the gateway makes it. */
export function ownDocument(): ApiDocument {
  const { calls } = flow['rest-gateway']
  return JSON.parse(JSON.stringify(openApiDocument(calls, { version: '0.1.0', url: '/' }))) as ApiDocument
}

export function operationsOf({ paths, components }: ApiDocument): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, raw]) => ({
      id: raw.operationId,
      method: method.toUpperCase(),
      path,
      parameters: raw.parameters,
      body: bodyOf(raw),
      answers: new Map(
        Object.entries(raw.responses).map(([status, answer]) => [
          Number(status),
          schemaOf(answer.$ref === undefined ? answer : components.responses[nameIn(answer.$ref)]),
        ]),
      ),
      callers: raw.security.flatMap((each) => Object.keys(each) as Operation['callers']),
      right: raw['x-required-right'],
    })),
  )
}

const nameIn = (reference: string) => reference.split('/').at(-1) ?? ''

function bodyOf({ requestBody }: RawOperation): Operation['body'] {
  const schema = requestBody?.content['application/json']?.schema
  return requestBody === undefined || schema === undefined
    ? undefined
    : { required: requestBody.required, schema }
}

function schemaOf(answer: RawAnswer | undefined): Schema | undefined {
  const content = answer?.content ?? {}
  return (content['application/json'] ?? content['application/problem+json'])?.schema
}
