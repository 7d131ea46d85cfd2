import { refuse } from '#lib/server/refusal.ts'

/** Refuses what was not confirmed by typing the name of the thing (AskByName), as before scripts have started. */
export function unconfirmed(texts: Record<string, string>) {
  const name = texts['name_to_type'] ?? ''
  return name !== '' && texts['confirm'] === name
    ? undefined
    : refuse(400, { type: 'unconfirmed', message: `Type ${name} to confirm.`, values: texts })
}
