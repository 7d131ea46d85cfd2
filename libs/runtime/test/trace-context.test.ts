import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  isBaggage,
  isTracestate,
  readTraceparent,
  withValidTrace,
  writeTraceparent,
} from '../src/trace-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const GOOD = `00-${TRACE}-${SPAN}-01`

describe('traceparent', () => {
  test('is read', () => {
    expect(readTraceparent(GOOD)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled: true })
    expect(readTraceparent(`00-${TRACE}-${SPAN}-00`)?.isSampled).toBe(false)
    expect(readTraceparent(`00-${TRACE}-${SPAN}-03`)?.isSampled).toBe(true)
    expect(readTraceparent(`cc-${TRACE}-${SPAN}-01-what-comes-later`)?.traceId).toBe(TRACE)
  })

  test.for([
    ['', 'nothing'],
    [`00-${TRACE}-${SPAN}`, 'no flags'],
    [`ff-${TRACE}-${SPAN}-01`, 'the forbidden version'],
    [`00-${TRACE}-${SPAN}-01-more`, 'something behind version 00'],
    [`00-${'0'.repeat(32)}-${SPAN}-01`, 'no trace'],
    [`00-${TRACE}-${'0'.repeat(16)}-01`, 'no span'],
    [GOOD.toUpperCase(), 'capitals'],
    [` ${GOOD}`, 'a blank'],
    [`${GOOD}\n`, 'an end of line'],
    [`${GOOD}\r\nx-evil: 1`, 'another header'],
    [`cc-${TRACE}-${SPAN}-01-${'x'.repeat(200)}`, 'too much'],
    [{ toString: () => GOOD }, 'an object'],
    [null, 'null'],
    [[GOOD], 'a list'],
  ] as const)('%o is none: %s', ([given]) => {
    expect(readTraceparent(given)).toBeUndefined()
  })

  test('whatever is read is written as it was meant', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/), (text) => {
        const read = readTraceparent(text)
        expect(read === undefined ? read : readTraceparent(writeTraceparent(read))).toEqual(read)
      }),
    )
  })
})

describe('tracestate and baggage', () => {
  test('of the standards’ form pass', () => {
    expect(isTracestate('rojo=00f067aa0ba902b7,congo=t61rcWkgMzE')).toBe(true)
    expect(isTracestate('fw529a3039@dt=FfAAAAA')).toBe(true)
    expect(isBaggage('userId=alice,serverNode=DF%2028,isProduction=false')).toBe(true)
    expect(isBaggage('key1=value1;property1;property2=x, key2 = value2')).toBe(true)
  })

  test.for(['=1', 'a', 'a=b\n', 'a=é', 'A=1', 'a='.padEnd(600, 'x'), 'a=b=c'])(
    'tracestate %o is none',
    (text) => {
      expect(isTracestate(text)).toBe(false)
    },
  )

  test.for(['a', 'a=b\r\nc: d', 'a=b\n', 'a="b"', 'é=1', 'a=b;;', '', 'a=b,'.repeat(3_000)])(
    'baggage %o is none',
    (text) => {
      expect(isBaggage(text)).toBe(false)
    },
  )
})

describe('_meta', () => {
  test('that is right, or has no trace, is itself', () => {
    const whole = { traceparent: GOOD, tracestate: 'a=b', baggage: 'c=d', progressToken: 1 }
    expect(withValidTrace(whole)).toBe(whole)
    const none = { progressToken: 1 }
    expect(withValidTrace(none)).toBe(none)
  })

  test('loses what is not right, and nothing else', () => {
    expect(withValidTrace({ traceparent: 'x', tracestate: 'a=b', baggage: 'c=d', other: 1 })).toEqual({
      baggage: 'c=d',
      other: 1,
    })
    expect(withValidTrace({ traceparent: GOOD, tracestate: { a: 1 }, baggage: '\n' })).toEqual({
      traceparent: GOOD,
    })
  })
})
