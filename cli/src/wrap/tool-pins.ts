// The pins of `wrap`: the first definition of a tool is approved, a later one waits for a person to accept it.
import { toolCatalog, type Pins, type ToolCatalog } from '@mcpshield/mcp/tool-catalog'
import type { Pinned, PinsFile } from '../pins-file.ts'

type PinsDeps = {
  /** The server's name in the policy. */
  name: string
  file: PinsFile
  /** What `--pins` says, if anything. */
  given: string | undefined
  now(): Date
  tell(message: string): void
}

/** What one server can fill the file with. */
const MAX_PINNED = 1_000

type Offered = Parameters<Parameters<typeof toolCatalog>[0]['report']>[0]

export function pinnedTools({ name, file, given, now, tell }: PinsDeps): ToolCatalog {
  let last: { pinned: Pinned; pins: Pins } | undefined
  const hashes = (): Pins => {
    const pinned = file.read()
    if (last?.pinned !== pinned) {
      const pins: [string, string][] = [...pinned].map(([tool, { approved }]) => [tool, approved.hash])
      last = { pinned, pins: Object.fromEntries(pins) }
    }
    return last.pins
  }
  const remedy = (tool: string) => {
    const which = given === undefined ? `--name ${name}` : `--pins ${quoted(given)}`
    return `see the difference with: mcpshield pins list ${which} and accept it with: mcpshield pins accept ${which} ${quoted(tool)}`
  }
  return toolCatalog({
    slug: name,
    pins: hashes,
    async report(offered) {
      const seen_at = now().toISOString()
      await file.change((pinned) => {
        for (const each of offered) keep(pinned, each, seen_at)
      })
      const pins = hashes()
      for (const { name: tool, hash } of offered)
        if (pins[tool] !== hash) tell(`the definition of ${name}/${quoted(tool)} changed: ${remedy(tool)}`)
      return pins
    },
    remedy,
    nowMs: () => performance.now(),
  })
}

function keep(pinned: Pinned, { name, hash, definition }: Offered[number], seen_at: string): void {
  const known = pinned.get(name)
  const offered = { hash, definition, seen_at }
  // Without a pin it stays in quarantine.
  if (known === undefined && pinned.size >= MAX_PINNED) return
  if (known === undefined) pinned.set(name, { approved: offered })
  else if (known.approved.hash === hash) pinned.set(name, { approved: known.approved })
  else if (known.changed?.hash !== hash) pinned.set(name, { approved: known.approved, changed: offered })
}

/** Safe to be pasted into a shell: the server chose the name. What a quote cannot hold is left out. */
function quoted(text: string): string {
  if (/^[\w./-]+$/.test(text) && !text.startsWith('-')) return text
  return `'${text.replace(/[^\p{L}\p{N}\p{P}\p{S} ]|'/gu, '?')}'`
}
