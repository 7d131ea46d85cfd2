import type { ServerDiagnostic } from '#lib/editor/checked.ts'

export type PolicyInForce = {
  version: number
  policy_yaml: string
  note: string | null
  created_at: string
  author: string
}

/** Why a policy was not saved. */
export type SaveRefusal = {
  message: string
  diagnostics: readonly ServerDiagnostic[]
  /** As sent. */
  text: string
  note: string
  /** When it is another one than the text was made from. */
  current?: PolicyInForce
}
