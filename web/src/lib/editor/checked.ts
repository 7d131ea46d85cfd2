// What the engine makes of a text, as the pages show it. Offsets count UTF-16 units from the start of the text.
import type { Decision, DecisionWord } from '@mcpshield/policy/schema'

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
  /** Whether nothing is an error, so that its tests can be run. */
  isPolicy: boolean
  tests: PlacedTest[]
}

/** A rule at its place, as a list shows it: thousands of them must be quick to hand over. */
export type PlacedRule = {
  index: number
  id: string
  decision: DecisionWord | undefined
  tools: string[]
  line: number
  from: number
  to: number
  /** Why the form leaves it alone. */
  beyondForm?: string
}

/** A rule's plain values. */
export type RuleValue = Record<string, unknown>

export type { Decision, DecisionWord }
