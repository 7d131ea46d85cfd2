// What must be confirmed before it is done. The page asks in a dialog; an action refuses what comes without an answer, as
// it does before scripts have started, and the page that follows asks (lib/confirm).
import { refuse } from './refusal.ts'

/** Refuses what was not confirmed by a second press (Confirm). */
export function notConfirmed(texts: Record<string, string>) {
  return texts['confirmed'] === 'yes'
    ? undefined
    : refuse(400, { type: 'unconfirmed', message: 'Confirm it first.', values: texts })
}

/** Refuses what was not confirmed by typing the name of the thing (AskByName). */
export function notNamed(texts: Record<string, string>, name = texts['name_to_type'] ?? '') {
  return name !== '' && texts['confirm'] === name
    ? undefined
    : refuse(400, { type: 'unconfirmed', message: `Type ${name} to confirm.`, values: texts })
}
