import { expect, test } from 'vitest'
import { problemsOf, type Schema } from './json-schema.ts'

const thing: Schema = {
  type: 'object',
  properties: {
    id: { type: 'string', pattern: '^[a-f]+$', minLength: 2, maxLength: 3 },
    count: { type: 'integer', minimum: 0, maximum: 9 },
    tags: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 2 },
    more: { anyOf: [{ $ref: '#/components/schemas/Text' }, { type: 'null' }] },
  },
  required: ['id'],
  additionalProperties: false,
}
const schemas = { Text: { type: 'string' } }

test.for<[unknown, string[]]>([
  [{ id: 'ab', count: 3, tags: ['a'], more: null }, []],
  [{ id: 'ab', more: 'x' }, []],
  [{}, ['$.id is missing']],
  [{ id: 'ab', other: 1 }, ['$.other is unknown']],
  [{ id: 'xy' }, ['$.id does not match its pattern']],
  [{ id: 'a' }, ['$.id is too short']],
  [{ id: 'abcd' }, ['$.id is too long']],
  [{ id: 'ab', count: 1.5 }, ['$.count is no integer']],
  [{ id: 'ab', count: -1 }, ['$.count is too small']],
  [{ id: 'ab', count: 10 }, ['$.count is too large']],
  [{ id: 'ab', tags: ['a', 'c'] }, ['$.tags[1] is none of its values']],
  [{ id: 'ab', tags: ['a', 'b', 'a'] }, ['$.tags has too many']],
  [{ id: 'ab', more: 1 }, ['$.more is none of what it may be']],
  [[], ['$ is no object']],
  [null, ['$ is no object']],
])('%j: %j', ([value, problems]) => {
  expect(problemsOf(value, thing, schemas)).toEqual(problems)
})

test('a keyword that is not known is not passed over in silence', () => {
  expect(() => problemsOf('x', { type: 'string', contentEncoding: 'base64' }, schemas)).toThrow(
    'contentEncoding',
  )
})
