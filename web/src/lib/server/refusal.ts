// What a form says when the API refuses.
import { fail, type ActionFailure } from '@sveltejs/kit'
import { ApiError } from './api.ts'
import { inPlainWords } from './plain-words.ts'

/** What a page gets as `form` of an action that did not work. */
export type Refusal = {
  /** A sentence for the person. */
  message: string
  /** The stable name of the case. */
  type: string
  /** By field. */
  errors: Record<string, string>
  /** As typed, without secrets. */
  values: Record<string, string>
  retryAfterSeconds?: number
}

/** Runs an action; a refusal of the API becomes what the form shows. `values` go back into its fields. */
export async function orRefusal<T>(
  values: Record<string, string>,
  act: () => Promise<T>,
): Promise<T | ActionFailure<Refusal>> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return refuse(error.status, {
      message: error.message,
      type: error.type,
      errors: inPlainWords(error.errors),
      values,
      ...(error.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds }),
    })
  }
}

/** A refusal of our own, before the API is asked. */
export function refuse(
  status: number,
  refusal: Partial<Refusal> & { message: string },
): ActionFailure<Refusal> {
  return fail(status, { type: 'invalid_argument', errors: {}, values: {}, ...refusal })
}

/** Text fields of a form, trimmed except passwords. Files and repeated fields are not for this. */
export function textsIn(form: FormData): Record<string, string> {
  const texts: Record<string, string> = {}
  for (const [name, value] of form)
    if (typeof value === 'string') texts[name] = name.includes('password') ? value : value.trim()
  return texts
}

/** Without what must not be sent back. */
export function withoutSecrets(texts: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).filter(([name]) => !/password|otp|code|token|secret/.test(name)),
  )
}
