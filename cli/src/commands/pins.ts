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
export async function acceptPins(world: World, given: string[], options: PinsOptions): Promise<number> {
  const file = fileOf(world, options)
  const accepted: [string, PinnedTool][] = []
  await file.change((pinned) => {
    const waiting = [...pinned].filter(([, { changed }]) => changed !== undefined)
    const named = given.length === 0 ? waiting : given.map((text) => waitingTool(waiting, text))
    for (const [name, tool] of named) {
      accepted.push([name, tool])
      if (tool.changed !== undefined) pinned.set(name, { approved: tool.changed })
    }
  })
  const shown = accepted.length === 0 ? 'Nothing waits to be accepted.\n' : acceptedText(accepted)
  await write(world.stdout, options.json ? jsonLines(accepted) : shown)
  return DONE
}

const SHOWN_HASH_UNITS = 12

/** `TOOL`, or `TOOL@HASH` for the change that was looked at and no later one. */
function waitingTool(waiting: [string, PinnedTool][], text: string): [string, PinnedTool] {
  const whole = waiting.find(([name]) => name === text)
  if (whole !== undefined) return whole
  const [, tool, hash] = /^(.+)@([0-9a-f]{8,64})$/s.exec(text) ?? []
  const found = waiting.find(([name]) => name === tool)
  if (hash === undefined || found === undefined)
    throw new CommandError(`no change of ${printable(text)} waits to be accepted`, NEGATIVE)
  if (found[1].changed?.hash.startsWith(hash) === true) return found
  throw new CommandError(`${printable(found[0])} has changed again: look at the difference anew`, NEGATIVE)
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
        : `${changedLine(name, changed)}${changeText({ approved, changed })}`,
    )
    .join('')
}

function changedLine(name: string, { hash, seen_at }: PinnedTool['approved']): string {
  const which = printable(`${name}@${hash.slice(0, SHOWN_HASH_UNITS)}`)
  return `${printable(name)}: CHANGED, seen ${printable(seen_at)}; calls are denied until ${which} is accepted\n`
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
