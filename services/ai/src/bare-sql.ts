/** SQL in lower case without comments and without what stands in quotes, in one pass: enough to see its outline. */
export function bareSql(sql: string): string {
  const kept: string[] = []
  let from = 0
  let at = 0
  const skipTo = (end: string, after: number) => {
    kept.push(sql.slice(from, at), ' ')
    const found = sql.indexOf(end, after)
    from = at = found === -1 ? sql.length : found + end.length
  }
  while (at < sql.length) {
    const two = sql.slice(at, at + 2)
    if (two[0] === "'") skipTo("'", at + 1)
    else if (two === '--') skipTo('\n', at)
    else if (two === '/*') skipTo('*/', at + 2)
    else at++
  }
  return [...kept, sql.slice(from)].join('').toLowerCase()
}
