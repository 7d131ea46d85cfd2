// What differs between two definitions of a tool, member by member, fit for a terminal.
import { withVisibleCharacters } from '@mcpshield/mcp/invisible-characters'
import type { JsonValue } from '@mcpshield/policy/facts'
import { isObject } from './json-lines.ts'
import { printable } from './printable.ts'

export type Difference = { path: string; before?: JsonValue; after?: JsonValue }

/** Every member that was added, taken away or changed. */
export function differences(before: JsonValue, after: JsonValue, path = ''): Difference[] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return names.flatMap((name) => {
      const at = path === '' ? name : `${path}.${name}`
      if (!Object.hasOwn(before, name)) return [{ path: at, after: after[name] as JsonValue }]
      if (!Object.hasOwn(after, name)) return [{ path: at, before: before[name] as JsonValue }]
      return differences(before[name] as JsonValue, after[name] as JsonValue, at)
    })
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, before, after }]
}

/** Characters that nobody sees are written out: they may be all that changed. */
export function differenceText(all: readonly Difference[]): string {
  return all
    .flatMap(({ path, before, after }) => [
      ...(before === undefined ? [] : [`  - ${shown(path)}: ${valueText(before)}\n`]),
      ...(after === undefined ? [] : [`  + ${shown(path)}: ${valueText(after)}\n`]),
    ])
    .join('')
}

const shown = (text: string) => printable(withVisibleCharacters(text))
const valueText = (value: JsonValue) => shown(JSON.stringify(value))
