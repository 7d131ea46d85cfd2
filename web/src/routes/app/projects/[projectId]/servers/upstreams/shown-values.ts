const SHOWN = ['slug', 'url', 'command', 'args', 'grant', 'client_id', 'scope'] as const

/** What was typed and may go back into a form: nothing that is kept secret. */
export function shownValues(form: FormData): Record<string, string> {
  return Object.fromEntries(SHOWN.flatMap((name) => (form.has(name) ? [[name, String(form.get(name))]] : [])))
}
