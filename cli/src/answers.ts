// What an answer of the API means to a command: what it says where it is good, the exit code where it is not.
import { printable } from './printable.ts'
import { detailOf, member, refused, type Answered, type RestApi } from './rest-client.ts'
import { CommandError, NEGATIVE, USAGE } from './world.ts'

export const WITHIN_MS = 15_000

/** The server understood, and the answer is no: the plan, the role, what is there, what others did meanwhile. */
const NO = new Set([402, 403, 404, 409, 410, 412])

/** The body of a good answer. */
export function bodyOf({ status, body }: Answered): unknown {
  if (status >= 200 && status < 300) return body
  if (NO.has(status)) throw new CommandError(detailOf(body), NEGATIVE)
  if (status === 400) throw new CommandError(`${detailOf(body)}${fieldsOf(body)}`, USAGE)
  throw refused(status, body)
}

/** Which of what was given is wrong, where the server says it. */
function fieldsOf(body: unknown): string {
  const errors = member(body, 'errors')
  if (!Array.isArray(errors)) return ''
  return errors
    .map(
      (error) => `\n  ${printable(`${String(member(error, 'path'))}: ${String(member(error, 'message'))}`)}`,
    )
    .join('')
}

/** What is made of a body for people or for the next step; a body that is something else is no answer of this API. */
export function understood<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw refused(200, undefined)
  }
}

export type Paged<T> = { items: T[]; next_cursor: string | null }

const PAGE = 200
const MOST_ITEMS = 100_000

/** The first `most` items of a list, in as many pages as it takes. `path` may have a query. */
export async function itemsOf<T>(api: RestApi, path: string, most = MOST_ITEMS): Promise<Paged<T>> {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const query: string = [
      `limit=${Math.min(PAGE, most - items.length)}`,
      ...(cursor === null ? [] : [`cursor=${encodeURIComponent(cursor)}`]),
    ].join('&')
    const at = `${path}${path.includes('?') ? '&' : '?'}${query}`
    const body = bodyOf(await api.request('GET', at, undefined, WITHIN_MS))
    const page = understood(() => pageOf<T>(body))
    items.push(...page.items)
    cursor = page.next_cursor
  } while (cursor !== null && items.length < most)
  return { items, next_cursor: cursor }
}

function pageOf<T>(body: unknown): Paged<T> {
  const { items, next_cursor } = body as Paged<T>
  if (!Array.isArray(items)) throw new Error('this is no list')
  return { items, next_cursor: typeof next_cursor === 'string' ? next_cursor : null }
}

export const jsonText = (value: unknown) => `${JSON.stringify(value)}\n`
