// What came of a form, as its page gets it: refused (of $lib/server/refusal.ts), or done.

export type Refused = {
  message: string
  type: string
  errors: Record<string, string>
  values: Record<string, string>
  retryAfterSeconds?: number
}

/** What an action answers that did what it should. */
export type Done = { done: string; message: string }

/** The refusal, if it is one; of a page with several forms, if it is of the named one. */
export function refusalOf(outcome: unknown, name?: string): Refused | undefined {
  const refused = outcome as Partial<Refused> | null | undefined
  return refused?.errors !== undefined && refused.values?.['form'] === name ? (refused as Refused) : undefined
}

/** What is said of it, if this form was done. */
export function doneBy(outcome: unknown, name: string): string | undefined {
  const done = outcome as Partial<Done> | null | undefined
  return done?.done === name ? done.message : undefined
}

/** When it can be tried again, as a sentence. */
export function waitingTime(seconds: number): string {
  if (seconds < 90) return `Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`
  return `Try again in ${Math.ceil(seconds / 60)} minutes.`
}
