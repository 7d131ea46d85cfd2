// What the API says of a field is written for programs where a schema says it: here it is said to people.

const RULES: [RegExp, (count: string) => string][] = [
  [/^Too small: expected string to have >=1 characters?$/, () => 'This is needed.'],
  [/^Too small: expected string to have >=(\d+) characters$/, (count) => `At least ${count} characters.`],
  [/^Too big: expected string to have <=(\d+) characters$/, (count) => `At most ${count} characters.`],
  [/^Invalid email address$/, () => 'This is not an e-mail address.'],
  [/^Invalid URL$/, () => 'This is not a web address: it begins with https:// or http://.'],
]

/** Messages by field; what no rule knows is a sentence already and stays. */
export function inPlainWords(errors: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(errors).map(([field, message]) => [field, plain(message)]))
}

function plain(message: string): string {
  for (const [pattern, say] of RULES) {
    const match = pattern.exec(message)
    if (match !== null) return say(match[1] ?? '')
  }
  return message
}
