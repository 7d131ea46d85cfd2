import type { Refusal } from '#lib/server/refusal.ts'

/** What an action refused, of whatever the page's actions return. What a question of its own was answered with, that shows. */
export function refusalIn(form: object | null | undefined): Refusal | undefined {
  if (form === null || form === undefined || !('message' in form)) return undefined
  const refusal = form as Refusal
  return refusal.values?.['form'] === undefined ? refusal : undefined
}
