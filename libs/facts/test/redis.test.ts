import { isUnknown } from '@mcpshield/policy/facts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { REDIS_COMMANDS } from '../src/redis-commands.ts'
import { redisFacts } from '../src/redis.ts'
import type { StatementFacts } from '../src/sql/statement.ts'
import { spec } from './spec.ts'

type CommandSpec = { command: unknown; unknown?: true } & Partial<StatementFacts>

function known(command: unknown): StatementFacts {
  const facts = redisFacts(command)
  if ('unknown' in facts) throw new Error(`${JSON.stringify(command)}: ${facts.unknown}`)
  return facts
}

describe('commands of the spec', () => {
  test.each(spec<CommandSpec>('redis.jsonl').map((line) => [JSON.stringify(line.command), line] as const))(
    '%s',
    (_, { command, unknown, ...expected }) => {
      if (unknown) expect(redisFacts(command)).toHaveProperty('unknown')
      else expect(known(command)).toMatchObject(expected)
    },
  )
})

describe('what the table of commands says', () => {
  const names = Object.keys(REDIS_COMMANDS)

  test('no command that the server lets only administrators, scripts or subscribers use is less than admin', () => {
    for (const [name, { flags, arity, container }] of Object.entries(REDIS_COMMANDS)) {
      if (container || !/admin|noscript|pubsub/.test(flags) || name.endsWith('|help')) continue
      const argv = name.split('|')
      while (argv.length < Math.abs(arity)) argv.push('1')
      const facts = redisFacts(argv)
      const harmless = ['acl|cat', 'acl|genpass', 'acl|whoami', 'client|id', 'client|getname', 'client|info']
      if (!('unknown' in facts) && !harmless.includes(name)) expect(facts.operations, name).toContain('admin')
    }
  })

  test('no command that the server marks as writing is read-only', () => {
    for (const [name, { flags, arity, container }] of Object.entries(REDIS_COMMANDS)) {
      if (container || !flags.includes('write')) continue
      const argv = name.split('|')
      while (argv.length < Math.abs(arity) + 2) argv.push('1')
      const facts = redisFacts(arity < 0 ? argv : argv.slice(0, arity))
      expect('unknown' in facts || !facts.read_only, name).toBe(true)
    }
  })

  test('a name is read in ASCII, without regard to case, and never mended', () => {
    for (const name of names.filter((each) => !each.includes('|'))) {
      expect(redisFacts([` ${name}`, 'k', '1'])).toHaveProperty('unknown')
      expect(redisFacts([`${name}\r\n`, 'k', '1'])).toHaveProperty('unknown')
      expect(redisFacts([name.replace('k', '\u212a').replace('s', '\u017f'), 'k', '1', '2'])).toEqual(
        /[ks]/.test(name) ? { unknown: expect.any(String) as string } : redisFacts([name, 'k', '1', '2']),
      )
      expect(redisFacts([name.toUpperCase(), 'k', '1'])).toEqual(redisFacts([name, 'k', '1']))
    }
  })
})

describe('fields', () => {
  const fields = (...argv: string[]) => known(argv).fields

  test('of a hash are those the command names, or all', () => {
    expect(fields('HGET', 'k', 'a')).toEqual(['a'])
    expect(fields('HMGET', 'k', 'a', 'b')).toEqual(['a', 'b'])
    expect(fields('HSET', 'k', 'a', '1', 'b', '2')).toEqual(['a', 'b'])
    expect(fields('HDEL', 'k', 'a', 'b')).toEqual(['a', 'b'])
    expect(fields('HLEN', 'k')).toEqual([])
    for (const name of ['HGETALL', 'HVALS', 'DUMP']) expect(fields(name, 'k'), name).toBeNull()
    expect(fields('COPY', 'k', 'l')).toBeNull()
    expect(fields('RENAME', 'k', 'l')).toBeNull()
  })

  test('a key looked up by a pattern is unknown, and so are its fields', () => {
    const facts = known(['SORT_RO', 'k', 'GET', 'secret:*->pin'])
    expect(facts.reads).toEqual(['k', 'secret:*'])
    expect(facts.accesses.map(({ resource, fields: of }) => [isUnknown(resource), isUnknown(of)])).toEqual([
      [false, false],
      [true, true],
    ])
  })
})

test('commands about all keys have an unknown resource, and are still read-only', () => {
  for (const argv of [['KEYS', '*'], ['SCAN', '0'], ['RANDOMKEY'], ['DBSIZE']]) {
    const facts = known(argv)
    expect(facts.accesses).toMatchObject([
      { operation: 'read', resource: { unknown: expect.any(String) as string } },
    ])
    expect(facts.read_only).toBe(true)
  }
  expect(known(['FLUSHALL'])).toMatchObject({ operations: ['admin'], read_only: false })
})

describe('whatever happens', () => {
  const word = fc.oneof(
    fc.constantFrom(...Object.keys(REDIS_COMMANDS).flatMap((name) => name.split('|'))),
    fc.constantFrom('k', '1', '0', '-1', 'STREAMS', 'STORE', 'GET', 'BLOCK', '*', ''),
    fc.string(),
  )

  test('no argv makes it throw, and every answer has an access', () => {
    fc.assert(
      fc.property(fc.oneof(fc.array(word), fc.array(fc.array(word)), fc.jsonValue()), (command) => {
        const facts = redisFacts(command)
        if ('unknown' in facts) expect(facts.unknown).not.toBe('')
        else expect(facts.accesses.length).toBeGreaterThanOrEqual(facts.statements)
      }),
      { numRuns: 3_000 },
    )
  })

  const plain = fc.constantFrom(
    ['GET', 'a'],
    ['SET', 'a', '1'],
    ['HGETALL', 'h'],
    ['KEYS', '*'],
    ['FLUSHALL'],
    ['PING'],
  )

  test('a pipeline has what each of its commands has', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(plain, fc.array(word, { minLength: 1 })), { minLength: 1, maxLength: 4 }),
        (list) => {
          const alone = list.map((argv) => redisFacts(argv))
          const together = redisFacts(list)
          if (alone.some((facts) => 'unknown' in facts)) {
            expect(together).toHaveProperty('unknown')
            return
          }
          const all = alone as StatementFacts[]
          expect(known(list).accesses).toEqual(all.flatMap(({ accesses }) => accesses))
          expect(known(list).read_only).toBe(all.every((facts) => facts.read_only))
        },
      ),
    )
  })

  test('many arguments are read in time, too many are unknown', () => {
    const keys = Array.from({ length: 90_000 }, (_, i) => `k${i}`)
    const start = performance.now()
    expect(known(['MGET', ...keys]).reads).toHaveLength(90_000)
    expect(redisFacts(['MGET', ...keys, ...keys])).toHaveProperty('unknown')
    expect(performance.now() - start).toBeLessThan(1_500)
  })
})
