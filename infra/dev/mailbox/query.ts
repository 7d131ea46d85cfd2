// Which mails a search means: to:"a@example.org", from:, subject:, and words anywhere. All must hold.
import type { Address, Summary } from './letters.ts'

export function matches(mail: Summary, query: string): boolean {
  return [...query.matchAll(/(?:(to|from|subject):)?(?:"([^"]*)"|(\S+))/gi)].every(
    ([, field, quoted, word]) =>
      textOf(mail, field?.toLowerCase())
        .toLowerCase()
        .includes((quoted ?? word ?? '').toLowerCase()),
  )
}

function textOf(mail: Summary, field: string | undefined): string {
  const people = (list: Address[]) => list.map(({ Name, Address: address }) => `${Name} ${address}`).join(' ')
  const from = people(mail.From === null ? [] : [mail.From])
  if (field === 'to') return people(mail.To)
  if (field === 'from') return from
  if (field === 'subject') return mail.Subject
  return [people(mail.To), from, mail.Subject, mail.Snippet].join(' ')
}
