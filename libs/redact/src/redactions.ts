// What a policy asks to redact, in the form the redactors read.
import { RE2JS } from 're2js'
import { DEFAULT_DETECTORS, isDetectorName } from './find.ts'
import type { DetectorName } from './find.ts'
import { parseGlob } from './field-globs.ts'
import type { FieldGlob } from './field-globs.ts'
import type { ReplaceWith } from './marker.ts'

export type Redaction =
  | { detector: string; with?: ReplaceWith | undefined }
  | { pattern: string; with?: ReplaceWith | undefined }
  | { fields: readonly string[]; with?: ReplaceWith | undefined }

/** What is applied to every audit record, whatever the policy says. */
export const DEFAULT_REDACTIONS: readonly Redaction[] = DEFAULT_DETECTORS.map((detector) => ({ detector }))

export type CompiledRedactions = {
  detectors: readonly DetectorName[]
  /** How each detector's findings are replaced. */
  replaceWith: ReadonlyMap<string, ReplaceWith>
  patterns: readonly { pattern: RE2JS; with: ReplaceWith }[]
  fields: readonly { glob: FieldGlob; with: ReplaceWith }[]
  /** Whether anything is looked for in text. */
  hasTextRules: boolean
}

/** From harmless to thorough: where two rules meet, the more thorough one wins. */
const THOROUGHNESS: readonly ReplaceWith[] = ['hash', 'mask', 'drop']

/** The more thorough of two ways to replace something. */
export function moreThorough(a: ReplaceWith, b: ReplaceWith): ReplaceWith {
  return THOROUGHNESS.indexOf(a) >= THOROUGHNESS.indexOf(b) ? a : b
}

const compiled = new WeakMap<readonly Redaction[], CompiledRedactions>()

/**
 * Compiles redactions, once per array. Throws an Error that names what is wrong: a redaction that cannot be
 * understood must stop the call, never pass the text.
 */
export function compileRedactions(redactions: readonly Redaction[]): CompiledRedactions {
  let known = compiled.get(redactions)
  if (known === undefined) compiled.set(redactions, (known = compile(redactions)))
  return known
}

function compile(redactions: readonly Redaction[]): CompiledRedactions {
  const replaceWith = new Map<DetectorName, ReplaceWith>()
  const patterns: { pattern: RE2JS; with: ReplaceWith }[] = []
  const fields: { glob: FieldGlob; with: ReplaceWith }[] = []
  for (const redaction of redactions) {
    const how = redaction.with ?? 'mask'
    if (!THOROUGHNESS.includes(how))
      throw new Error(`A redaction replaces with mask, hash or drop, not "${String(how)}".`)
    if ('detector' in redaction) {
      const name = redaction.detector
      if (!isDetectorName(name)) throw new Error(`There is no detector "${name}".`)
      replaceWith.set(name, moreThorough(how, replaceWith.get(name) ?? how))
    } else if ('pattern' in redaction)
      patterns.push({ pattern: compilePattern(redaction.pattern), with: how })
    else if ('fields' in redaction)
      fields.push(...redaction.fields.map((field) => ({ glob: parseGlob(field), with: how })))
    else throw new Error('A redaction names a detector, a pattern or fields.')
  }
  const detectors = [...replaceWith.keys()]
  return { detectors, replaceWith, patterns, fields, hasTextRules: detectors.length + patterns.length > 0 }
}

function compilePattern(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern)
  } catch (cause) {
    throw new Error(`The pattern ${JSON.stringify(pattern)} is not a regular expression of RE2's syntax.`, {
      cause,
    })
  }
}
