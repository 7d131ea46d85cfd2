// What the page's actions answered, for the part of the page that asked.
import type { SiemConnection } from '@mcpshield/contracts/siem'
import type { Refusal } from '#lib/server/refusal.ts'

/** As the action that made it returns it, and nobody again. */
export type MadeCredential = { name: string; creds: string; connection: SiemConnection }

export function madeIn(form: object | null | undefined): MadeCredential | undefined {
  return form !== null && form !== undefined && 'made' in form ? (form.made as MadeCredential) : undefined
}

/** A refusal of the form for that (its field `for`). */
export function namelessRefusal(form: object | null | undefined, of: string): Refusal | undefined {
  const refusal = form as Partial<Refusal> | null | undefined
  return refusal?.values?.['for'] === of ? (refusal as Refusal) : undefined
}

/** The secret that a webhook's messages are signed with, in the answer that made it. */
export function secretIn(form: object | null | undefined): string | undefined {
  const secret = form !== null && form !== undefined && 'secret' in form ? form.secret : undefined
  return typeof secret === 'string' ? secret : undefined
}
