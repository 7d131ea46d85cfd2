import { expect, test } from 'vitest'
import { ai } from '@mcpshield/contracts/ai'
import { askedOf, DIALECTS } from './asking.ts'

const project_id = '0199a1b2-0000-7000-8000-000000000001'
const question = {
  about: 'policy',
  text: ' Let agents read. ',
  source: 'auto',
  conversationId: undefined,
} as const

test('each question is one that the API takes', () => {
  const draft = askedOf({ ...question, job: 'policies', conversationId: project_id })
  expect(ai.rpc.draftPolicy.input.parse({ project_id, ...draft.body })).toMatchObject({
    prompt: 'Let agents read.',
    conversation_id: project_id,
  })
  const advice = askedOf({ ...question, job: 'advise' })
  expect(ai.rpc.advise.input.parse({ project_id, ...advice.body })).toMatchObject({
    question: 'Let agents read.',
  })
  for (const about of ['policy' as const, ...DIALECTS.map(({ value }) => value)]) {
    const { body } = askedOf({ ...question, job: 'analyze', about })
    expect(ai.rpc.analyze.input.safeParse({ project_id, ...body }).success).toBe(true)
  }
})
