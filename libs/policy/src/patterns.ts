// Regular expressions of a policy: RE2's syntax, linear time. They match the whole value.
import { RE2JS } from 're2js'
import { TRUE, FALSE, UNKNOWN } from './kleene.ts'
import type { Kleene } from './kleene.ts'

const MAX_INSTRUCTIONS = 1_000
/** Longer values are not tested but unknown: linear time is still time. */
export const MAX_TESTED_UNITS = 65_536
/** Instructions times characters that one test may cost in the worst case: some tens of milliseconds. */
const MAX_STEPS = 10_000_000

export function readPattern(text: string): { test: (value: string) => Kleene } | { problem: string } {
  try {
    const pattern = RE2JS.compile(text)
    const instructions = pattern.programSize()
    if (instructions > MAX_INSTRUCTIONS) return { problem: 'is too large; use smaller repeat counts' }
    const maxUnits = Math.min(MAX_TESTED_UNITS, Math.floor(MAX_STEPS / instructions))
    return {
      test(value) {
        if (value.length > maxUnits) return UNKNOWN
        return pattern.testExact(value) ? TRUE : FALSE
      },
    }
  } catch (error) {
    return { problem: `is not a regular expression of RE2's syntax (${messageOf(error)})` }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error
    ? error.message.replace(/^error parsing regexp: /, '').slice(0, 200)
    : 'not readable'
}
