import { AppError } from '@mcpshield/contracts/errors'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Answer, Grant } from './connector.ts'
import type { Clock } from './filesystem-clock.ts'
import { tree, type Entry } from './filesystem-tree.ts'
import type { Spot } from './filesystem-walk.ts'
import type { ArgsOf } from './tools.ts'

/** What a folder holds: names, types, sizes and times. Where links lead is not said. */
export async function listFolder(
  spot: Spot,
  args: ArgsOf<'filesystem.list'>,
  grant: Grant,
  clock: Clock,
): Promise<Answer> {
  refuseFile(spot)
  const found = tree(spot, args.depth ?? 1, grant, clock)
  const { kept, cut } = await takeWithin(grant, found.entries(), described)
  return {
    data: { entries: kept },
    about: { path: spot.shown, entry_count: kept.length },
    rows: kept.length,
    cut: cut || found.cut,
  }
}

export function refuseFile({ entry }: Spot): void {
  if (entry === null) return
  throw entry.stats === null
    ? new AppError('NOT_FOUND', 'There is nothing at this path.')
    : new AppError('INVALID_ARGUMENT', 'This is not a folder.')
}

/** What fits into the caps of the grant. */
export async function takeWithin<T>(
  { maxRows, maxBytes }: Grant,
  found: AsyncIterable<T>,
  write: (each: T) => JsonObject,
): Promise<{ kept: JsonObject[]; cut: boolean }> {
  const kept: JsonObject[] = []
  let bytes = 0
  for await (const each of found) {
    const written = write(each)
    bytes += Buffer.byteLength(JSON.stringify(written))
    if (kept.length === maxRows || bytes > maxBytes) return { kept, cut: true }
    kept.push(written)
  }
  return { kept, cut: false }
}

function described({ shown, stats }: Entry): JsonObject {
  const type = typeOf(stats)
  return {
    path: shown,
    type,
    ...(type === 'file' ? { size_bytes: stats.size } : {}),
    modified_at: stats.mtime.toISOString(),
  }
}

export function typeOf(stats: Entry['stats']): 'file' | 'folder' | 'link' | 'other' {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'folder'
  return stats.isSymbolicLink() ? 'link' : 'other'
}
