// A client's configuration with one entry more or less. Everything else stays as it is, byte by byte where the text
// allows it; what comes out is read again, and refused where it says anything else than what was meant.
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '@mcpshield/policy/facts'
import { isObject, type Format } from './client.ts'
import { jsonText } from './json-text.ts'
import { tomlText } from './toml-text.ts'
import { yamlText } from './yaml-text.ts'

export type Editor = {
  /** What the text says; undefined when it says nothing. Throws an Error with a sentence. */
  parse(text: string): unknown
  /** The text with the entry, where one of that name may be already. May give up by throwing. */
  set(text: string, path: readonly string[], entry: JsonObject): string
  /** The text without the entry, which is there. */
  remove(text: string, path: readonly string[]): string
}

/** The text cannot be changed safely: a person has to do it. */
export class CannotEdit extends Error {}

const EDITORS: Record<Format, Editor> = { json: jsonText, yaml: yamlText, toml: tomlText }

export function contentOf(format: Format, text: string): unknown {
  try {
    return EDITORS[format].parse(text.replace(/^\ufeff/, ''))
  } catch (error) {
    throw new CannotEdit(`it is not valid ${format.toUpperCase()}: ${(error as Error).message}`)
  }
}

/** What is at the end of the path; undefined where there is nothing. */
export function entryAt(content: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) => (isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined),
    content,
  )
}

export function withEntry(format: Format, text: string, path: readonly string[], entry: JsonObject): string {
  return edited(
    format,
    text,
    (content) => setAt(content, path, entry),
    (editor, plain) => editor.set(plain, path, entry),
  )
}

export function withoutEntry(format: Format, text: string, path: readonly string[]): string {
  if (entryAt(contentOf(format, text), path) === undefined) return text
  return edited(
    format,
    text,
    (content) => setAt(content, path, undefined),
    (editor, plain) => editor.remove(plain, path),
  )
}

function edited(
  format: Format,
  text: string,
  meant: (content: unknown) => unknown,
  edit: (editor: Editor, plain: string) => string,
): string {
  const mark = text.startsWith('\ufeff') ? '\ufeff' : ''
  const wanted = meant(contentOf(format, text))
  let after: string
  try {
    after = mark + edit(EDITORS[format], text.slice(mark.length))
  } catch (error) {
    throw new CannotEdit((error as Error).message)
  }
  if (!says(format, after, wanted))
    throw new CannotEdit('it is written in a way that cannot be changed here without changing more than that')
  return after
}

function says(format: Format, text: string, wanted: unknown): boolean {
  try {
    return isDeepStrictEqual(plainOf(contentOf(format, text)), plainOf(wanted))
  } catch (error) {
    if (error instanceof CannotEdit) return false
    throw error
  }
}

/** The members above may be absent, or empty; anything else that stands in their place is somebody's. */
function setAt(content: unknown, [name, ...rest]: readonly string[], entry: JsonObject | undefined): unknown {
  if (name === undefined) return entry
  if (content !== undefined && content !== null && !isObject(content))
    throw new CannotEdit(`something else is where ${name} would be`)
  const { [name]: there, ...others } = content ?? {}
  const set = setAt(there, rest, entry)
  return set === undefined ? others : { ...others, [name]: set }
}

/** Compared by what it says, whatever its parser made of it. */
export function plainOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainOf)
  if (value instanceof Date) return value.toJSON()
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plainOf(each)]))
}
