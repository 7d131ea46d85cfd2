// The fields of hashes and streams that a Redis command names; every other value has none.

/** Where a command names fields: every `step`th argument from one on; `all` where they are not named. */
const fieldArguments: Record<string, 'all' | { from: number; step: number; to?: number }> = {
  hget: { from: 2, step: 1, to: 2 },
  hstrlen: { from: 2, step: 1, to: 2 },
  hexists: { from: 2, step: 1, to: 2 },
  hsetnx: { from: 2, step: 1, to: 2 },
  hincrby: { from: 2, step: 1, to: 2 },
  hincrbyfloat: { from: 2, step: 1, to: 2 },
  hmget: { from: 2, step: 1 },
  hdel: { from: 2, step: 1 },
  hset: { from: 2, step: 2 },
  hmset: { from: 2, step: 2 },
  ...Object.fromEntries(
    // Whole values of any type move with these, and entries of a stream are fields and values.
    (
      'hgetall hkeys hvals hscan hrandfield dump copy rename renamenx move restore xadd xrange xrevrange xread ' +
      'xreadgroup xclaim xautoclaim'
    )
      .split(' ')
      .map((name) => [name, 'all' as const]),
  ),
}

export function fieldsOf(name: string, argv: readonly string[]): string[] | 'all' {
  const place = Object.hasOwn(fieldArguments, name) ? fieldArguments[name] : undefined
  if (place === undefined || place === 'all') return place ?? []
  return argv.filter(
    (_, at) => at >= place.from && at <= (place.to ?? Infinity) && (at - place.from) % place.step === 0,
  )
}
