/** A key as the action that made it returns it, and nobody again. */
export type CreatedKey = { apiKey: string; name: string }

export function createdIn(form: object | null | undefined): CreatedKey | undefined {
  return form !== null && form !== undefined && 'created' in form ? (form.created as CreatedKey) : undefined
}
