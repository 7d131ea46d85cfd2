// What the language's JSON Schema says of a place of the document.
import { policyJsonSchema } from '@mcpshield/policy/json-schema'
import type { JsonPath } from '@mcpshield/policy/yaml-document'

export type SchemaNode = {
  $ref?: string
  title?: string
  description?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  examples?: unknown[]
  properties?: Record<string, SchemaNode>
  additionalProperties?: SchemaNode | boolean
  items?: SchemaNode
  anyOf?: SchemaNode[]
  oneOf?: SchemaNode[]
  required?: string[]
  $defs?: Record<string, SchemaNode>
}

let known: SchemaNode | undefined
const root = (): SchemaNode => (known ??= policyJsonSchema() as SchemaNode)

/** Every schema that may hold at the path: one for each branch of a choice. */
export function schemasAt(path: JsonPath): SchemaNode[] {
  let nodes = branches(root())
  for (const step of path) {
    nodes = nodes.flatMap((node) => branches(typeof step === 'number' ? node.items : childOf(node, step)))
  }
  return nodes
}

function childOf({ properties, additionalProperties }: SchemaNode, key: string): SchemaNode | undefined {
  if (properties !== undefined && Object.hasOwn(properties, key)) return properties[key]
  return typeof additionalProperties === 'object' ? additionalProperties : undefined
}

/** The schema with its references followed, and each branch of a choice by itself. Descriptions are handed down. */
export function branches(node: SchemaNode | undefined): SchemaNode[] {
  if (node === undefined) return []
  if (node.$ref !== undefined) {
    const target = root().$defs?.[node.$ref.replace('#/$defs/', '')]
    return branches(target).map((each) => ({ ...each, ...own(node) }))
  }
  const choices = node.anyOf ?? node.oneOf
  if (choices === undefined) return [node]
  return choices.flatMap((choice) => branches(choice)).map((each) => ({ ...own(node), ...each }))
}

function own({ description, examples }: SchemaNode): SchemaNode {
  return {
    ...(description === undefined ? {} : { description }),
    ...(examples === undefined ? {} : { examples }),
  }
}
