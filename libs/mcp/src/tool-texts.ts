// Every text of a tool's definition that a model or a person may read, with the words that say where it stands.

export type ToolText = {
  /** As in `its description` or `the description of the parameter path`. */
  place: string
  text: string
  /** Whether it is the name of something, not prose. */
  isName: boolean
}

/** More than anybody reads; what a gateway takes is bounded well below. */
const MAX_TEXTS = 20_000
/** Where something stands deeper is not told more exactly. */
const MAX_PATH = 64
const SCHEMAS: Record<string, string> = { inputSchema: 'parameter', outputSchema: 'result field' }
const SHOWN_PLACE_UNITS = 60

type Step = { value: unknown; path: readonly string[] }

/** Its texts, names of parameters among them. Deep definitions are no danger: nothing here is recursive. */
export function toolTexts(definition: unknown): ToolText[] {
  const found: ToolText[] = []
  const open: Step[] = [{ value: definition, path: [] }]
  for (let step = open.pop(); step !== undefined && found.length < MAX_TEXTS; step = open.pop()) {
    const { value, path } = step
    if (typeof value === 'string') {
      found.push({ place: placeOf(path), text: value, isName: path.length === 1 && path[0] === 'name' })
    } else if (Array.isArray(value)) {
      for (const each of value.toReversed()) open.push({ value: each, path })
    } else if (typeof value === 'object' && value !== null) {
      const below = (key: string) => (path.length < MAX_PATH ? [...path, key] : path)
      for (const [key, each] of Object.entries(value).toReversed())
        open.push({ value: each, path: below(key) })
      for (const key of Object.keys(value))
        found.push({ place: `a name in ${placeOf(path)}`, text: key, isName: true })
    }
  }
  return found
}

function placeOf(path: readonly string[]): string {
  const [first, ...rest] = path
  if (first === undefined) return 'its definition'
  if (first === 'annotations') return `the annotation ${shown(rest.join('.'))}`
  const kind = SCHEMAS[first]
  if (kind === undefined) return `its ${shown(path.join('.'))}`
  const at = rest.lastIndexOf('properties')
  const name = at === -1 ? undefined : rest[at + 1]
  if (name === undefined) return `its ${shown(path.join('.'))}`
  const what = rest.slice(at + 2).at(-1)
  const named = `the ${kind} ${shown(name)}`
  if (what === undefined) return named
  return what === 'enum' ? `a value of ${named}` : `the ${shown(what)} of ${named}`
}

/** Fit for a sentence: short, and without what could not be seen in it. */
export function shown(text: string): string {
  const visible = text.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '\u{fffd}').replace(/\p{Cf}/gu, '\u{fffd}')
  return visible.length <= SHOWN_PLACE_UNITS ? visible : `${visible.slice(0, SHOWN_PLACE_UNITS - 1)}…`
}
