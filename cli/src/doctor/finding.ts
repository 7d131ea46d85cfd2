// What was found of one thing that something depends on.

export type Finding = {
  name: string
  /** `note`: worth knowing, and no fault. */
  state: 'ok' | 'wrong' | 'note'
  detail: string
  /** What to do. */
  mend?: string
}
