// A policy's file → its text and what the language says of it.
import { parsePolicy, type Diagnostic } from '@mcpshield/policy/parse'
import type { Policy } from '@mcpshield/policy/schema'
import { MAX_BYTES } from '@mcpshield/policy/yaml-document'
import { readBeginning } from './files.ts'
import type { World } from './world.ts'

export type PolicyFile = { file: string; text: string; policy?: Policy; diagnostics: Diagnostic[] }

/** Reads and checks a policy; without `policy` at least one diagnostic is an error. */
export async function readPolicyFile(
  world: World,
  file: string,
  options: { organization?: boolean } = {},
): Promise<PolicyFile> {
  // What is longer has its diagnostic by its beginning.
  const { text } = await readBeginning(world, file, MAX_BYTES)
  const { policy, diagnostics } = parsePolicy(text, options)
  return { file, text, diagnostics, ...(policy === undefined ? {} : { policy }) }
}
