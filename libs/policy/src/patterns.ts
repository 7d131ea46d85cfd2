// Regular expressions of a policy: RE2's syntax, linear time. They match the whole value.
import { RE2JS } from 're2js'
import { TRUE, FALSE, UNKNOWN } from './kleene.ts'
import type { Kleene } from './kleene.ts'

const MAX_INSTRUCTIONS = 1_000
/** Longer values are not tested but unknown: linear time is still time. */
export const MAX_TESTED_UNITS = 65_536
/** Instructions times characters that one test may cost in the worst case: some tens of milliseconds. */
const MAX_STEPS = 10_000_000

type Read =
  | { instructions: number; test: (value: string) => Kleene; problem?: undefined }
  | { instructions: number; problem: string }

export function readPattern(text: string): Read {
  let read = known.get(text)
  if (read === undefined) {
    if (known.size >= MAX_KNOWN) known.clear()
    known.set(text, (read = compiled(text)))
  }
  return read
}

/** A document is checked, warned about and compiled: its patterns are read once. */
const known = new Map<string, Read>()
const MAX_KNOWN = 1_000

function unitsFor(instructions: number, maxSteps: number): number {
  return Math.min(MAX_TESTED_UNITS, Math.floor(maxSteps / Math.max(instructions, 1)))
}

/** The same of all patterns of a policy together, on one call: about a second in the worst case. */
const MAX_STEPS_TOGETHER = 400_000_000

/** How long a text may be that these patterns are held against, all of them on one call. */
export function unitsTestedBy(patterns: readonly string[]): number {
  const instructions = patterns.reduce((sum, text) => sum + readPattern(text).instructions, 0)
  return unitsFor(instructions, MAX_STEPS_TOGETHER)
}

/** How long a text may be that one pattern is held against, all parts of an argument together. */
export function unitsTested(pattern: string): number {
  return unitsFor(readPattern(pattern).instructions, MAX_STEPS)
}

/** All patterns of one document together: to compile what nobody may save takes time too. */
const MAX_INSTRUCTIONS_TOGETHER = 250_000

/** Reads the patterns of one document, up to what they may take together. */
export function patternReader(): (text: string) => { problem?: string } {
  let left = MAX_INSTRUCTIONS_TOGETHER
  return (text) => {
    if (left <= 0) return { problem: 'is one too many: the patterns of the document are too large together' }
    const read = readPattern(text)
    left -= read.instructions
    return read.problem === undefined ? {} : { problem: read.problem }
  }
}

function compiled(text: string): Read {
  try {
    const pattern = RE2JS.compile(text)
    const instructions = pattern.programSize()
    if (instructions > MAX_INSTRUCTIONS)
      return { instructions, problem: 'is too large; use smaller repeat counts' }
    const maxUnits = unitsFor(instructions, MAX_STEPS)
    return {
      instructions,
      test(value) {
        if (value.length > maxUnits) return UNKNOWN
        return pattern.testExact(value) ? TRUE : FALSE
      },
    }
  } catch (error) {
    return {
      instructions: MAX_INSTRUCTIONS,
      problem: `is not a regular expression of RE2's syntax (${messageOf(error)})`,
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error
    ? error.message.replace(/^error parsing regexp: /, '').slice(0, 200)
    : 'not readable'
}
