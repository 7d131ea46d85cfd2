import type { Refusal } from '#lib/server/refusal.ts'

/** What an action refused, of whatever the page's actions return. */
export function refusalIn(form: object | null | undefined): Refusal | undefined {
  return form !== null && form !== undefined && 'message' in form ? (form as Refusal) : undefined
}
