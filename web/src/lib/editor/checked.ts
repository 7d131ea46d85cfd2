// What the engine makes of a text, as the pages show it. Offsets count UTF-16 units from the start of the text.
import type { Decision, DecisionWord, Policy } from '@mcpshield/policy/schema'

export type PolicyKind = 'project' | 'organization'

/** What the API says of a text, and what the engine says of it here: the same words. */
export type ServerDiagnostic = {
  line: number
  column: number
  severity: 'error' | 'warning'
  code: string
  message: string
  fix?: string | undefined
}

/** Something wrong, doubtful or missing, at its place in the text. */
export type Mark = Omit<ServerDiagnostic, 'severity'> & {
  severity: 'error' | 'warning' | 'hint'
  from: number
  to: number
  /** Whether the fix can be made by a click: `mend` makes it. */
  mendable: boolean
}

/** A stretch of text to replace. */
export type TextChange = { from: number; to: number; insert: string }

export type PlacedTest = { name: string; tool: string; expects: string; line: number }

export type Checked = {
  /** Of the text that was checked: an answer about an older text is told by it. */
  text: string
  marks: Mark[]
  /** Absent when something is an error. */
  policy?: Policy
  tests: PlacedTest[]
}

/** A rule at its place, as far as the form can show it. */
export type PlacedRule = {
  index: number
  id: string
  decision: DecisionWord | undefined
  tools: string[]
  line: number
  from: number
  to: number
  /** The rule as plain values; absent where it is no map. */
  value?: Record<string, unknown>
  /** Why the form leaves it alone. */
  beyondForm?: string
}

export type { Decision, DecisionWord, Policy }
