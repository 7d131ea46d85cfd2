// `mcpshield pins list|accept [TOOL…]`: the definitions of tools that `wrap` lets through, and what changed since.
import { differences, differenceText } from '../definition-difference.ts'
import { pinsFile, pinsPath, type PinnedTool, type PinsFile } from '../pins-file.ts'
import { printable } from '../printable.ts'
import { CommandError, DONE, NEGATIVE, write, type World } from '../world.ts'
import { checkedName } from './wrap.ts'

export type PinsOptions = { name?: string; pins?: string; json?: boolean }

/** Exit 1 when a tool waits to be accepted. */
export async function listPins(world: World, options: PinsOptions): Promise<number> {
  const pinned = [...fileOf(world, options).read()]
  await write(world.stdout, options.json ? jsonLines(pinned) : listText(pinned))
  return pinned.some(([, { changed }]) => changed !== undefined) ? NEGATIVE : DONE
}

/** Accepts the named tools' changes, or all of them, and shows what it accepts. */
export async function acceptPins(world: World, tools: string[], options: PinsOptions): Promise<number> {
  const file = fileOf(world, options)
  const accepted: [string, PinnedTool][] = []
  await file.change((pinned) => {
    const waiting = [...pinned].filter(([, { changed }]) => changed !== undefined)
    const unknown = tools.find((tool) => !waiting.some(([name]) => name === tool))
    if (unknown !== undefined)
      throw new CommandError(`no change of ${printable(unknown)} waits to be accepted`, NEGATIVE)
    for (const [name, tool] of waiting) {
      if (tools.length > 0 && !tools.includes(name)) continue
      accepted.push([name, tool])
      if (tool.changed !== undefined) pinned.set(name, { approved: tool.changed })
    }
  })
  const shown = accepted.length === 0 ? 'Nothing waits to be accepted.\n' : acceptedText(accepted)
  await write(world.stdout, options.json ? jsonLines(accepted) : shown)
  return DONE
}

function fileOf(world: World, { name, pins }: PinsOptions): PinsFile {
  if (pins !== undefined) return pinsFile(pins)
  if (name === undefined)
    throw new CommandError('which server’s? Give the --name that it is wrapped by, or the file with --pins')
  return pinsFile(pinsPath(world, checkedName(name)))
}

function listText(pinned: [string, PinnedTool][]): string {
  if (pinned.length === 0) return 'Nothing is pinned.\n'
  return pinned
    .map(([name, { approved, changed }]) =>
      changed === undefined
        ? `${printable(name)}: approved, as of ${printable(approved.seen_at)}\n`
        : `${printable(name)}: CHANGED, seen ${printable(changed.seen_at)}; calls are denied until it is accepted\n${changeText({ approved, changed })}`,
    )
    .join('')
}

function acceptedText(accepted: [string, PinnedTool][]): string {
  return accepted.map(([name, tool]) => `${printable(name)}: accepted\n${changeText(tool)}`).join('')
}

function changeText({ approved, changed }: PinnedTool): string {
  return changed === undefined ? '' : differenceText(differences(approved.definition, changed.definition))
}

function jsonLines(pinned: [string, PinnedTool][]): string {
  return pinned.map(([tool, pin]) => `${JSON.stringify({ tool, ...pin })}\n`).join('')
}
