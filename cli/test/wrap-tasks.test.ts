// What a client carries from one request to the next: tasks and states.
import { describe, expect, test } from 'vitest'
import { modern } from './modern-requests.ts'
import { textOf, wrapped } from './wrapped.ts'

const policy = `version: 1
rules:
  - { id: tool, tool: box/task, decision: allow, redact: [email] }
  - { id: get, tool: box/task, method: tasks/get, decision: allow }
  - { id: result, tool: box/task, method: tasks/result, decision: allow }
  - { id: input, tool: box/input, decision: allow, redact: [email] }
`

describe('a task', () => {
  test('is decided as the tool that made it, and its result owes what the call owed', async () => {
    await using client = wrapped(policy)
    const taskId = 'task-1'
    expect((await client.ask(0, 'tasks/get', { taskId })).error?.code).toBe(-32602)
    const { result } = await client.call(1, 'task')
    expect(result).toEqual({ task: { taskId, status: 'working' }, by: '[redacted:email]' })
    expect((await client.ask(2, 'tasks/get', { taskId })).result).toMatchObject({ taskId })
    expect(textOf(await client.ask(3, 'tasks/result', { taskId }))).toBe('done for [redacted:email]')
    const denied = await client.ask(4, 'tasks/cancel', { taskId })
    expect(denied.error?.code).toBe(-31403)
    expect(client.received()).not.toContain('tasks/cancel')
  })
})

describe('a state', () => {
  test('of the server’s stays here, and goes back with the same call alone', async () => {
    await using client = wrapped(policy)
    const asked = await client.ask(1, 'tools/call', modern({ name: 'input', arguments: { a: 1 } }))
    expect(asked.result).toMatchObject({
      resultType: 'input_required',
      inputRequests: { who: { params: { message: '[redacted:email]?' } } },
    })
    const { requestState } = asked.result as { requestState: string }
    expect(requestState).not.toContain('ann')
    const retry = (id: number, args: object, state: string) =>
      client.ask(
        id,
        'tools/call',
        modern({ name: 'input', arguments: args, requestState: state, inputResponses: { who: {} } }),
      )
    expect((await retry(2, { a: 2 }, requestState)).error?.message).toContain('belongs to another call')
    expect((await retry(3, { a: 1 }, 'for ann@example.com')).error?.message).toContain('none that was given')
    expect(client.received()).not.toContain('requestState')
    expect(textOf(await retry(4, { a: 1 }, requestState))).toBe('the state is for [redacted:email]')
  })

  test('has no place in a request of an older revision', async () => {
    await using client = wrapped(policy)
    const params = { name: 'input', requestState: 'canary', inputResponses: { who: 'canary' } }
    expect((await client.ask(1, 'tools/call', params)).result).toMatchObject({ resultType: 'input_required' })
    expect(client.received()).not.toContain('canary')
  })
})
