// What of a server's lists is shown.
import { describe, expect, test } from 'vitest'
import { entriesOf, isShown } from '../src/lists.ts'
import { madeTask, namesTask, withoutTaskLists } from '../src/task-methods.ts'

describe('an entry', () => {
  const asked: string[] = []
  const showing = {
    couldShow: (method: string, name: string) => (asked.push(`${method} ${name}`), !name.includes('shut')),
    isQuarantined: (tool: string) => tool === 'changed',
  }

  test('is shown when some call by which it would be asked for could be allowed', () => {
    expect(isShown('tools/list', { name: 'open' }, showing)).toBe(true)
    expect(isShown('tools/list', { name: 'shut' }, showing)).toBe(false)
    expect(isShown('prompts/list', { name: 'shut' }, showing)).toBe(false)
    expect(isShown('resources/list', { uri: 'file:///shut' }, showing)).toBe(false)
    expect(isShown('resources/list', { uri: 'file:///open' }, showing)).toBe(true)
    expect(asked).toEqual([
      'tools/call open',
      'tools/call shut',
      'prompts/get shut',
      'resources/read file:///shut',
      'resources/read file:///open',
    ])
  })

  test('that is a tool in quarantine is not shown; a prompt of its name is', () => {
    expect(isShown('tools/list', { name: 'changed' }, showing)).toBe(false)
    expect(isShown('prompts/list', { name: 'changed' }, showing)).toBe(true)
  })

  test('that is a template is shown: each resource is decided when it is read', () => {
    expect(isShown('resources/templates/list', { uriTemplate: 'shut://{a}' }, showing)).toBe(true)
  })
})

test('entries without a name, and those too large or too deep to be read, are none', () => {
  let deep: object = {}
  for (let depth = 0; depth < 100_000; depth++) deep = { deep }
  const tools = [
    { name: 'a' },
    { name: 1 },
    {},
    null,
    'b',
    { name: 'c', deep },
    { name: 'd', x: 'x'.repeat(70_000) },
  ]
  expect(entriesOf({ tools } as never, 'tools/list')).toEqual([{ name: 'a' }])
  expect(entriesOf({ tools: 'none' }, 'tools/list')).toEqual([])
})

describe('tasks', () => {
  test('are told by both eras’ results, and by no other', () => {
    expect(madeTask({ task: { taskId: 'a' } })).toBe('a')
    expect(madeTask({ resultType: 'task', taskId: 'b' })).toBe('b')
    expect(madeTask({ taskId: 'b' })).toBeUndefined()
    expect(madeTask({ task: { taskId: 1 } })).toBeUndefined()
  })

  test('are named by four methods, and never listed', () => {
    expect(['tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/update'].every(namesTask)).toBe(true)
    expect(namesTask('tasks/list')).toBe(false)
    const tasks = { list: {}, cancel: {} }
    expect(withoutTaskLists({ tools: {}, tasks })).toEqual({ tools: {}, tasks: { cancel: {} } })
    expect(withoutTaskLists({ tools: {} })).toEqual({ tools: {} })
  })
})
