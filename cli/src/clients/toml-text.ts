// TOML: one table is put in as lines of its own, and no other line is touched.
import { parse as parseToml } from 'smol-toml'
import type { JsonObject, JsonValue } from '@mcpshield/policy/facts'
import type { Editor } from './config-text.ts'

export const tomlText: Editor = { parse, set, remove }

function parse(text: string): unknown {
  try {
    return parseToml(text, { integersAsBigInt: 'asNeeded' })
  } catch (error) {
    throw new Error((error as Error).message.split('\n')[0], { cause: error })
  }
}

function set(text: string, path: readonly string[], entry: JsonObject): string {
  const end = text.includes('\r\n') ? '\r\n' : '\n'
  const table = [
    `[${path.join('.')}]`,
    ...Object.entries(entry).map(([name, value]) => `${bare(name)} = ${valueText(value)}`),
  ]
  const lines = table.map((line) => line + end).join('')
  const [first, ...others] = sectionsOf(text, path)
  if (first === undefined) {
    const before = text === '' || text.endsWith('\n') ? text : text + end
    return before + (before.trim() === '' ? '' : end) + lines
  }
  const rest = without(
    text.slice(first.to),
    others.map(({ from, to }) => ({ from: from - first.to, to: to - first.to })),
  )
  return text.slice(0, first.from) + lines + rest
}

function remove(text: string, path: readonly string[]): string {
  return without(text, sectionsOf(text, path))
}

type Section = { from: number; to: number }

function without(text: string, sections: readonly Section[]): string {
  return sections.reduceRight((rest, { from, to }) => {
    // The empty line that was put before it, when it was the last.
    const before =
      to >= rest.length ? rest.slice(0, from).replace(/(\r?\n)\r?\n$/, '$1') : rest.slice(0, from)
    return before + rest.slice(to)
  }, text)
}

/** The table's lines, and those of the tables in it: from a header to what belongs to the next. */
function sectionsOf(text: string, path: readonly string[]): Section[] {
  const lines = text.split(/(?<=\n)/)
  const headers: { line: number; ours: boolean }[] = []
  lines.forEach((line, index) => {
    const [, name] = /^\s*\[\[?([^\]]*)\]/.exec(line) ?? []
    if (name !== undefined) headers.push({ line: index, ours: isBelow(name, path) })
  })
  const offsets = lines.reduce<number[]>((all, line) => [...all, (all.at(-1) ?? 0) + line.length], [0])
  return headers.flatMap(({ line, ours }, at) => {
    if (!ours) return []
    const following = headers[at + 1]
    let next = following?.line ?? lines.length
    if (following?.ours && lines.slice(line, next).every((each) => !/^\s*#/.test(each)))
      return [{ from: offsets[line] as number, to: offsets[next] as number }]
    // Comments and empty lines above a header are the header's; at the end of the file they are nobody's, and stay.
    while (next > line + 1 && /^\s*(#|$)/.test(lines[next - 1] ?? '')) next--
    return [{ from: offsets[line] as number, to: offsets[next] as number }]
  })
}

function isBelow(header: string, path: readonly string[]): boolean {
  const names = [...header.matchAll(/"([^"]*)"|'([^']*)'|([\w-]+)/g)].map(([, a, b, c]) => a ?? b ?? c)
  return path.every((name, at) => names[at] === name)
}

const bare = (name: string) => (/^[\w-]+$/.test(name) ? name : JSON.stringify(name))

function valueText(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`
  if (typeof value === 'object' && value !== null)
    return `{ ${Object.entries(value)
      .map(([name, each]) => `${JSON.stringify(name)} = ${valueText(each)}`)
      .join(', ')} }`
  return JSON.stringify(value)
}
