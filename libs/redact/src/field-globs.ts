// Field names with wildcards, matched against the end of a path: `phone` is that field at any place, `users.phone`
// is the field of that table or parent, `*` stands for any characters of one name. Case does not matter, as in SQL.
// A path is a list of names and never one text: the key `user:ann@example.com` is one name.

export type FieldGlob = readonly string[]

/** Reads `users.phone`, `*.phone` or `phone_*`. */
export function parseGlob(field: string): FieldGlob {
  const names = field.toLowerCase().split('.')
  if (names.some((name) => name === '')) throw new Error(`"${field}" is not the name of a field.`)
  return names
}

/**
 * Whether a path can name the field. A path that is shorter than the glob lacks its table or parent: what cannot
 * be told from the field is taken for it. A name with dots is taken for one name and for several, and a position
 * in a list may be left out: whoever wrote the glob may have meant either.
 */
export function matchesField(glob: FieldGlob, path: readonly string[]): boolean {
  if (matchesEnd(glob, path)) return true
  if (path.some((name) => name.includes('.')) && matchesDotted(glob, path)) return true
  return path.some(isPosition) && matchesEnd(glob, withoutPositions(path))
}

function matchesEnd(glob: FieldGlob, path: readonly string[]): boolean {
  const compared = Math.min(glob.length, path.length)
  for (let i = 1; i <= compared; i++) {
    if (!matchesName(glob.at(-i)!, path.at(-i)!.toLowerCase())) return false
  }
  return compared > 0
}

/** The path as if every dot parted two names; and as one text, of as many names as the glob has, in which `*` stands for dots too. */
function matchesDotted(glob: FieldGlob, path: readonly string[]): boolean {
  const names = path.join('.').split('.')
  if (matchesEnd(glob, names) || matchesEnd(glob, withoutPositions(names))) return true
  const end = path.slice(-glob.length).join('.').toLowerCase()
  const joined = glob.join('.')
  return matchesName(joined, end) || matchesName(`*.${joined}`, end)
}

/** The first name is that of a table, a collection or a key, whatever it looks like. */
const isPosition = (name: string, index: number) => index > 0 && /^\d+$/.test(name)

function withoutPositions(path: readonly string[]): readonly string[] {
  return path.filter((name, index) => !isPosition(name, index))
}

/** Wildcard matching by two cursors: no backtracking beyond the last `*`. */
function matchesName(glob: string, name: string): boolean {
  let g = 0
  let n = 0
  let star = -1
  let resume = 0
  while (n < name.length) {
    if (g < glob.length && glob[g] === '*') {
      star = g++
      resume = n
    } else if (g < glob.length && glob[g] === name[n]) {
      g++
      n++
    } else if (star !== -1) {
      g = star + 1
      n = ++resume
    } else return false
  }
  while (glob[g] === '*') g++
  return g === glob.length
}
