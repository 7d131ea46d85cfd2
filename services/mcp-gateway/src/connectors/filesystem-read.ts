// Reads a file, or a part of it, without ever holding more than the answer may have.
import { constants, type Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { AppError } from '@mcpshield/contracts/errors'
import type { Answer, Grant } from './connector.ts'
import type { Clock } from './filesystem-clock.ts'
import { openFile } from './filesystem-open.ts'
import type { Spot } from './filesystem-walk.ts'
import { halfCharacterAtStart, shownBytes, shownText, textOf } from './shown-text.ts'
import type { ArgsOf } from './tools.ts'

const CHUNK_BYTES = 64 * 1024

export async function readFile(
  spot: Spot,
  args: ArgsOf<'filesystem.read'>,
  grant: Grant,
  clock: Clock,
): Promise<Answer> {
  const { stats, name } = presentEntry(spot)
  if (grant.redacts && (args.offset_bytes !== undefined || args.length_bytes !== undefined)) {
    // A part may begin or end in the middle of what should be redacted, and then nobody recognises it.
    throw new AppError(
      'INVALID_ARGUMENT',
      'The results of this call are redacted, so a file is read from its start: leave offset_bytes and length_bytes out.',
    )
  }
  await using file = await openFile(spot.root, spot.folders, { name, stats }, constants.O_RDONLY)
  const { size } = await file.stat()
  const from = args.offset_bytes ?? 0
  const wanted = Math.min(args.length_bytes ?? Number.POSITIVE_INFINITY, grant.maxBytes)
  const { bytes, more } = await readPortion(file, from, wanted, clock)
  const limited = more && grant.maxBytes < (args.length_bytes ?? Number.POSITIVE_INFINITY)
  const about = { path: spot.shown, size_bytes: size }
  const text = textOf({ bytes, cut: more, begun: from > 0 })
  if (text !== undefined) {
    const start = from + (from > 0 ? halfCharacterAtStart(bytes) : 0)
    const shown = shownText(text, more, grant)
    const end = start + Buffer.byteLength(text)
    const next = more && !grant.redacts ? { offset_bytes: start, next_offset_bytes: end } : {}
    return { data: { text: shown }, about: { ...about, ...next }, shown: 'text', rows: null, cut: limited }
  }
  // Base64 is a third longer than what it stands for.
  const fitting = bytes.subarray(0, Math.floor((grant.maxBytes * 3) / 4))
  const rest = more || fitting.length < bytes.length
  return {
    data: { base64: shownBytes(fitting, grant) },
    about: rest ? { ...about, offset_bytes: from, next_offset_bytes: from + fitting.length } : { ...about },
    rows: null,
    cut: limited || fitting.length < bytes.length,
  }
}

/** The file that a path names; a folder or nothing is said so. */
export function presentEntry({ entry }: Spot): { name: string; stats: Stats } {
  if (entry === null)
    throw new AppError('INVALID_ARGUMENT', 'This is a folder; filesystem.list shows what it holds.')
  if (entry.stats === null) throw new AppError('NOT_FOUND', 'There is nothing at this path.')
  return { name: entry.name, stats: entry.stats }
}

async function readPortion(
  file: FileHandle,
  from: number,
  wanted: number,
  clock: Clock,
): Promise<{ bytes: Buffer; more: boolean }> {
  const chunks: Buffer[] = []
  let count = 0
  // One byte more tells whether there is more.
  while (count <= wanted) {
    clock.check()
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, wanted + 1 - count))
    const { bytesRead } = await file.read(chunk, 0, chunk.length, from + count)
    if (bytesRead === 0) break
    chunks.push(chunk.subarray(0, bytesRead))
    count += bytesRead
  }
  const bytes = Buffer.concat(chunks, count)
  return { bytes: bytes.subarray(0, wanted), more: count > wanted }
}
