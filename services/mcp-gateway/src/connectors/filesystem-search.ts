// Finds files by a glob over their names, or lines in them by a text. Files are read in portions; binary ones are
// left out, and so is what cannot be opened.
import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { AppError } from '@mcpshield/contracts/errors'
import type { JsonObject } from '@mcpshield/policy/facts'
import { WITHHELD } from '@mcpshield/redact/marker'
import type { Answer, Grant } from './connector.ts'
import type { Clock } from './filesystem-clock.ts'
import { refuseFile, takeWithin, typeOf } from './filesystem-list.ts'
import { openFile } from './filesystem-open.ts'
import { leftOut, tree, type Entry } from './filesystem-tree.ts'
import type { Spot } from './filesystem-walk.ts'
import { matchesName } from './filesystem-name-glob.ts'
import type { ArgsOf } from './tools.ts'

const MAX_DEPTH = 32
/** Read altogether by one search. */
const MAX_READ_BYTES = 256 * 1024 * 1024
const CHUNK_BYTES = 64 * 1024
/** A line longer than this is looked through in pieces. */
const MAX_LINE_BYTES = 64 * 1024
const MAX_SHOWN_CHARS = 1_000

type Match = { shown: string; type: string; line?: number; text?: string }
type Budget = { bytesLeft: number; cut: boolean }

export async function searchFolder(
  spot: Spot,
  args: ArgsOf<'filesystem.search'>,
  grant: Grant,
  clock: Clock,
): Promise<Answer> {
  refuseFile(spot)
  if (args.name === undefined && args.text === undefined)
    throw new AppError('INVALID_ARGUMENT', 'Say what to look for: a name, a text, or both.')
  const found = tree(spot, MAX_DEPTH, grant, clock)
  const budget: Budget = { bytesLeft: MAX_READ_BYTES, cut: false }
  const matches = matchesIn(found.entries(), { spot, args, budget, clock })
  const { kept, cut } = await takeWithin(grant, matches, (match) => described(match, grant))
  return {
    data: { matches: kept },
    about: { path: spot.shown, match_count: kept.length },
    rows: kept.length,
    cut: cut || found.cut || budget.cut,
  }
}

type Search = { spot: Spot; args: ArgsOf<'filesystem.search'>; budget: Budget; clock: Clock }

async function* matchesIn(entries: AsyncIterable<Entry>, search: Search): AsyncGenerator<Match> {
  const { name, text } = search.args
  for await (const entry of entries) {
    if (name !== undefined && !matchesName(name, entry.name)) continue
    const type = typeOf(entry.stats)
    if (text === undefined) yield { shown: entry.shown, type }
    else if (type === 'file') yield* linesIn(entry, text, search)
    if (search.budget.cut) return
  }
}

async function* linesIn(entry: Entry, text: string, { spot, budget, clock }: Search): AsyncGenerator<Match> {
  const file = await openFile(spot.root, entry.folders, entry, constants.O_RDONLY).catch(leftOut)
  if (file === undefined) return
  try {
    for await (const { line, bytes } of matchingLines(file, Buffer.from(text), budget, clock)) {
      yield { shown: entry.shown, type: 'file', line, text: bytes.toString() }
    }
  } finally {
    await file.close()
  }
}

/** The lines that hold the bytes looked for, with their numbers from 1. */
async function* matchingLines(
  file: FileHandle,
  wanted: Buffer,
  budget: Budget,
  clock: Clock,
): AsyncGenerator<{ line: number; bytes: Buffer }> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  let rest: Buffer = Buffer.alloc(0)
  let line = 1
  for (let first = true; ; first = false) {
    if (clock.late() || budget.bytesLeft <= 0) {
      budget.cut = true
      return
    }
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, null)
    budget.bytesLeft -= bytesRead
    if (first && chunk.subarray(0, Math.min(bytesRead, 8_192)).includes(0)) return
    let text = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
    for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10)) {
      const whole = text.subarray(0, end)
      if (whole.includes(wanted)) yield { line, bytes: Buffer.from(whole) }
      line++
      text = text.subarray(end + 1)
    }
    if (bytesRead === 0) {
      if (text.includes(wanted)) yield { line, bytes: text }
      return
    }
    if (text.length > MAX_LINE_BYTES) {
      if (text.includes(wanted)) yield { line, bytes: Buffer.from(text) }
      // What is looked for may begin in this piece and end in the next.
      text = text.subarray(text.length - wanted.length + 1)
    }
    rest = Buffer.from(text)
  }
}

/**
 * A line alone does not show what a redaction of the whole file would have found in it, such as the middle of a
 * private key: with redactions only its place is told.
 */
function described({ shown, type, line, text }: Match, grant: Grant): JsonObject {
  if (line === undefined || text === undefined) return { path: shown, type }
  return {
    path: shown,
    line,
    text: grant.redacts ? WITHHELD : text.replace(/\r$/, '').slice(0, MAX_SHOWN_CHARS),
  }
}
