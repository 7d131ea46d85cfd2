// Names that a model or a person takes for another tool's of the same project.
import { shown } from './tool-texts.ts'

export type NamedTool = { upstream: string; name: string }

/** Letters of other scripts that look like Latin ones (a part of Unicode's confusables: what names are written in). */
const LIKE_LATIN: Record<string, string> = {
  а: 'a', в: 'b', е: 'e', ё: 'e', з: '3', і: 'i', ї: 'i', ј: 'j', к: 'k', м: 'm', н: 'h', о: 'o', р: 'p', с: 'c',
  т: 't', у: 'y', х: 'x', ѕ: 's', ԁ: 'd', ԛ: 'q', ԝ: 'w', һ: 'h', ѵ: 'v', ь: 'b',
  α: 'a', β: 'b', γ: 'y', ε: 'e', η: 'n', ι: 'i', κ: 'k', ν: 'v', ο: 'o', ρ: 'p', τ: 't', υ: 'u', χ: 'x', ϲ: 'c', ϳ: 'j',
  ı: 'i', ɑ: 'a', ɡ: 'g', ɩ: 'i', ʏ: 'y', ꜱ: 's', օ: 'o', ս: 'u', հ: 'h', ց: 'g', ո: 'n', ք: 'p',
} // prettier-ignore

const LONG_NAME = 10
const FOREIGN = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}]/u
const LATIN = /\p{Script=Latin}/u

/** How a name looks: letters of other scripts, case and separators do not tell names apart. */
export function lookOf(name: string): string {
  const letters = [
    ...name
      .normalize('NFKD')
      .toLowerCase()
      .replace(/[\p{M}\p{Cf}\s_.\-/:]/gu, ''),
  ]
  return letters
    .map((letter) => LIKE_LATIN[letter] ?? letter)
    .join('')
    .replace(/0/g, 'o')
    .replace(/[1|]/g, 'l')
    .replace(/rn/g, 'm')
    .replace(/vv/g, 'w')
}

/** Why the tool's name may be taken for another; sentences. */
export function lookAlikeNames(tool: NamedTool, others: readonly NamedTool[]): string[] {
  const found: string[] = []
  if (FOREIGN.test(tool.name) && LATIN.test(tool.name))
    found.push('Its name mixes Latin letters with letters of another script that look like them.')
  const look = lookOf(tool.name)
  const other = others.find(
    (each) => isOther(each, tool) && each.name !== tool.name && isLike(look, tool, each),
  )
  if (other !== undefined)
    found.push(
      `Its name looks like that of the tool ${shown(other.name)} of the upstream ${shown(other.upstream)}.`,
    )
  return found
}

const isOther = (one: NamedTool, two: NamedTool) => one.upstream !== two.upstream || one.name !== two.name

function isLike(look: string, tool: NamedTool, other: NamedTool): boolean {
  if (lookOf(other.name) === look) return true
  // Tools of one server are often called alike (get_item, get_items): its author tells them apart.
  return (
    tool.upstream !== other.upstream &&
    Math.min(tool.name.length, other.name.length) >= LONG_NAME &&
    isOneEditApart(tool.name, other.name)
  )
}

/** Whether one character more, less or other makes one of the other. A digit tells versions apart: that is none. */
function isOneEditApart(one: string, two: string): boolean {
  const [short, long] = one.length <= two.length ? [one, two] : [two, one]
  if (long.length - short.length > 1) return false
  let at = 0
  while (at < short.length && short[at] === long[at]) at++
  const rest = short.length === long.length ? short.slice(at + 1) : short.slice(at)
  if (rest !== long.slice(at + 1)) return false
  return !/\d/.test(`${short[at] ?? ''}${long[at] ?? ''}`)
}
