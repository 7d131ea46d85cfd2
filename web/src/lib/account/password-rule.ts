/** The one rule of composition that the API has; it also refuses what is guessed first. */
export const PASSWORD_CHARACTERS = 12

/** What is said of a new password while it is typed. */
export function passwordHint(typed: string): string {
  const missing = PASSWORD_CHARACTERS - typed.length
  if (typed === '')
    return `At least ${PASSWORD_CHARACTERS} characters. Several unrelated words make a good one.`
  if (missing > 0) return `${missing} more ${missing === 1 ? 'character' : 'characters'}.`
  return 'Long enough. Common passwords and your own address are refused when it is sent.'
}

/** What is wrong with a new password and its repetition, by field; the names are those of NewPassword. */
export function passwordErrors(texts: Record<string, string>): Record<string, string> {
  const password = texts['new_password'] ?? ''
  if (password.length < PASSWORD_CHARACTERS)
    return { new_password: `A password has ${PASSWORD_CHARACTERS} characters or more.` }
  return password === texts['new_password_again'] ? {} : { new_password_again: 'The two passwords differ.' }
}
