// A server speaks of its tasks by its own ids; a client hears of those that it knows, by the ids it knows.
import { expect, test } from 'vitest'
import { inClientsNames, taskNames } from '../src/task-names.ts'
import type { Session } from '../src/client.ts'

const STATUS = 'notifications/tasks/status'
const RELATED = 'io.modelcontextprotocol/related-task'
const nameOf = (task: string) => (task === 'own' ? 'sealed' : undefined)

test('a report on a task bears the client’s id of it', () => {
  const told = { method: STATUS, params: { taskId: 'own', status: 'working' } }
  expect(inClientsNames(told, nameOf)).toEqual({
    method: STATUS,
    params: { taskId: 'sealed', status: 'working' },
  })
})

test.each([{ taskId: 'strange' }, { taskId: 1 }, {}, undefined])(
  'a report on a task that the client does not know is not passed on: %j',
  (params) => {
    const told = { method: STATUS, ...(params === undefined ? {} : { params }) }
    expect(inClientsNames(told, nameOf)).toBeUndefined()
  },
)

test('a question for the sake of a task names it as the client does, or not at all', () => {
  const question = (taskId: string) => ({
    method: 'elicitation/create',
    params: { message: 'Sure?', _meta: { other: 1, [RELATED]: { taskId } } },
  })
  expect(inClientsNames(question('own'), nameOf)?.params?.['_meta']).toEqual({
    other: 1,
    [RELATED]: { taskId: 'sealed' },
  })
  expect(inClientsNames(question('strange'), nameOf)?.params?.['_meta']).toEqual({ other: 1 })
})

test('names are each session’s own, and each upstream’s', () => {
  const names = taskNames()
  const [one, other] = [{} as Session, {} as Session]
  names.learn(one, 'first', 'task', 'sealed')
  names.learn(null, 'first', 'task', 'of nobody')
  expect(names.of(one, 'first', 'task')).toBe('sealed')
  expect([
    names.of(one, 'second', 'task'),
    names.of(other, 'first', 'task'),
    names.of(null, 'first', 'task'),
  ]).toEqual([undefined, undefined, undefined])
})
