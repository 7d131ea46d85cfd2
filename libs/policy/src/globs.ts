// Globs over names: `*` is any run of characters, `?` is one, everything else is itself. The whole name must
// match, byte for byte. There is no way to write a literal `*` or `?`.

export type Matcher = (name: string) => boolean

export function isGlob(pattern: string): boolean {
  return pattern.includes('*') || pattern.includes('?')
}

/** Whether the pattern is only stars, so that it matches every name. */
export function matchesAll(pattern: string): boolean {
  return /^\*+$/.test(pattern)
}

/** What every name that matches begins with. */
export function literalPrefix(pattern: string): string {
  const end = pattern.search(/[*?]/)
  return end === -1 ? pattern : pattern.slice(0, end)
}

export function globMatcher(pattern: string): Matcher {
  if (!isGlob(pattern)) return (name) => name === pattern
  if (matchesAll(pattern)) return () => true
  const parts = pattern.split(/\*+/)
  const [start = '', end = ''] = parts
  if (parts.length === 2 && !pattern.includes('?')) {
    if (end === '') return (name) => name.startsWith(start)
    if (start === '') return (name) => name.endsWith(end)
    return (name) => name.length >= pattern.length - 1 && name.startsWith(start) && name.endsWith(end)
  }
  return (name) => matchParts(parts, name)
}

/** Matches a name against any of the patterns. */
export function anyGlob(patterns: readonly string[]): Matcher {
  const [only] = patterns
  if (patterns.length === 1 && only !== undefined) return globMatcher(only)
  if (patterns.some(matchesAll)) return () => true
  const names = new Set(patterns.filter((pattern) => !isGlob(pattern)))
  const globs = patterns.filter(isGlob).map(globMatcher)
  if (globs.length === 0) return (name) => names.has(name)
  return (name) => {
    if (names.has(name)) return true
    for (const matches of globs) if (matches(name)) return true
    return false
  }
}

/**
 * Whether every name that `inner` matches is matched by `outer`. May say no where the answer is yes: wildcards of
 * `inner` are taken for characters that only wildcards of `outer` can stand for.
 */
export function covers(outer: string, inner: string): boolean {
  if (outer === inner || matchesAll(outer)) return true
  if (!isGlob(outer)) return false
  const opaque = inner.replaceAll('*', '\u0000').replaceAll('?', '\u0001')
  if (outer.includes('?') && opaque.includes('\u0000')) return false
  return globMatcher(outer)(opaque)
}

/** The same whatever the case: for rules that must not be evaded by spelling a name differently. */
export function foldCase(name: string): string {
  if (name === lastName) return lastFolded
  lastFolded = fold(name)
  lastName = name
  return lastFolded
}

// One call's table is folded once for all its rules, not once for each.
let lastName = ''
let lastFolded = ''

function fold(name: string): string {
  // Upper case last: some letters (ſ, ß, ς) meet their equals only there, and it depends on no neighbour.
  // eslint-disable-next-line no-control-regex
  return /^[\u0000-\u007f]*$/.test(name) ? name.toUpperCase() : name.toLowerCase().toUpperCase()
}

/**
 * The parts between stars, each found as early as possible: no backtracking, time at most the product of the
 * lengths.
 */
function matchParts(parts: readonly string[], name: string): boolean {
  const last = parts.length - 1
  let at = endOfPart(parts[0] ?? '', name, 0)
  if (at === -1) return false
  if (last === 0) return at === name.length
  for (let i = 1; i < last; i++) {
    at = findPart(parts[i] ?? '', name, at)
    if (at === -1) return false
  }
  return endsWithPart(parts[last] ?? '', name, at)
}

/** Where the part ends when it begins at `start`, or -1. `?` takes a whole character, also outside the BMP. */
function endOfPart(part: string, name: string, start: number): number {
  let at = start
  for (let i = 0; i < part.length; i++) {
    if (at >= name.length) return -1
    if (part[i] === '?') at += (name.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
    else if (part[i] === name[at]) at++
    else return -1
  }
  return at
}

function findPart(part: string, name: string, from: number): number {
  if (!part.includes('?')) {
    const found = name.indexOf(part, from)
    return found === -1 ? -1 : found + part.length
  }
  for (let start = from; start <= name.length; start++) {
    const end = endOfPart(part, name, start)
    if (end !== -1) return end
  }
  return -1
}

function endsWithPart(part: string, name: string, from: number): boolean {
  if (!part.includes('?')) return name.length - from >= part.length && name.endsWith(part)
  for (let start = Math.max(from, name.length - 2 * part.length); start <= name.length; start++) {
    if (endOfPart(part, name, start) === name.length) return true
  }
  return false
}
