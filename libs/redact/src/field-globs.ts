// Field names with wildcards, matched against the end of a path: `phone` is that field at any place, `users.phone`
// is the field of that table or parent, `*` stands for any characters of one name. Case does not matter, as in SQL.

export type FieldGlob = readonly string[]

/** Reads `users.phone`, `*.phone` or `phone_*`. */
export function parseGlob(field: string): FieldGlob {
  const names = field.toLowerCase().split('.')
  if (names.some((name) => name === '')) throw new Error(`"${field}" is not the name of a field.`)
  return names
}

/**
 * Whether a path can name the field. A path that is shorter than the glob lacks its table or parent: what cannot
 * be told from the field is taken for it.
 */
export function matchesField(glob: FieldGlob, path: readonly string[]): boolean {
  const compared = Math.min(glob.length, path.length)
  for (let i = 1; i <= compared; i++) {
    if (!matchesName(glob.at(-i)!, path.at(-i)!.toLowerCase())) return false
  }
  return compared > 0
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
