// The mails as files, <time>-<random>.eml: the newest are kept, and a restart finds them again.
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { simpleParser, type AddressObject, type ParsedMail } from 'mailparser'

export type Address = { Name: string; Address: string }

/** The shape of Mailpit's API, so that tools work with either. */
export type Summary = {
  ID: string
  MessageID: string
  Read: boolean
  From: Address | null
  To: Address[]
  Subject: string
  Created: string
  Size: number
  Snippet: string
}

export type Letter = Omit<Summary, 'Snippet' | 'Created' | 'Read'> & {
  Date: string
  Text: string
  HTML: string
}

export type Letters = {
  add(raw: Buffer): string
  /** Newest first. */
  list(): Promise<Summary[]>
  read(id: string): Promise<Letter | undefined>
  raw(id: string): Buffer | undefined
  /** All of them when no ids are given. */
  remove(ids?: string[]): void
}

const ID = /^\d{15}-[0-9a-f]{12}$/
const SNIPPET_LENGTH = 250

export function openLetters(folder: string, keep = 500): Letters {
  const summaries = new Map<string, Summary>()
  const fileOf = (id: string) => join(folder, `${id}.eml`)
  const ids = readdirSync(folder)
    .filter((name) => name.endsWith('.eml') && ID.test(name.slice(0, -4)))
    .map((name) => name.slice(0, -4))
    .sort()
  let lastMs = 0

  const remove = (gone: string) => {
    const at = ids.indexOf(gone)
    if (at === -1) return
    ids.splice(at, 1)
    summaries.delete(gone)
    rmSync(fileOf(gone), { force: true })
  }
  const raw = (id: string) => (ids.includes(id) ? readFileSync(fileOf(id)) : undefined)
  const summaryOf = async (id: string) => {
    const known = summaries.get(id)
    if (known !== undefined) return known
    const content = readFileSync(fileOf(id))
    const made = summarize(id, content, await simpleParser(content))
    summaries.set(id, made)
    return made
  }
  const prune = () => ids.slice(0, Math.max(0, ids.length - keep)).forEach(remove)
  prune()

  return {
    add(content) {
      // Ids are in the order of arrival, also of those that arrive in the same millisecond.
      lastMs = Math.max(Date.now(), lastMs + 1)
      const id = `${String(lastMs).padStart(15, '0')}-${randomBytes(6).toString('hex')}`
      writeFileSync(`${fileOf(id)}.part`, content, { mode: 0o600 })
      renameSync(`${fileOf(id)}.part`, fileOf(id))
      ids.push(id)
      prune()
      return id
    },
    list: () => Promise.all(ids.toReversed().map(summaryOf)),
    async read(id) {
      const content = raw(id)
      return content === undefined ? undefined : letterOf(id, content, await simpleParser(content))
    },
    raw,
    remove: (which) => (which ?? [...ids]).forEach(remove),
  }
}

function summarize(id: string, content: Buffer, mail: ParsedMail): Summary {
  return {
    ...addressed(id, content, mail),
    Read: false,
    Created: arrivalOf(id),
    Snippet: (mail.text ?? '').replace(/\s+/g, ' ').trim().slice(0, SNIPPET_LENGTH),
  }
}

function letterOf(id: string, content: Buffer, mail: ParsedMail): Letter {
  return {
    ...addressed(id, content, mail),
    Date: mail.date?.toISOString() ?? arrivalOf(id),
    Text: mail.text ?? '',
    HTML: mail.html || '',
  }
}

function addressed(id: string, content: Buffer, mail: ParsedMail) {
  return {
    ID: id,
    MessageID: (mail.messageId ?? '').replace(/^<|>$/g, ''),
    From: addressesOf(mail.from)[0] ?? null,
    To: addressesOf(mail.to),
    Subject: mail.subject ?? '',
    Size: content.length,
  }
}

const arrivalOf = (id: string) => new Date(Number(id.slice(0, 15))).toISOString()

function addressesOf(list: AddressObject | AddressObject[] | undefined): Address[] {
  return [list ?? []]
    .flat()
    .flatMap(({ value }) => value.map(({ name, address }) => ({ Name: name, Address: address ?? '' })))
}
