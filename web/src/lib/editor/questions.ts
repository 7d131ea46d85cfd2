// What the pages ask of the engine. It answers in a worker, so that typing never waits for it.
import { check } from './check.ts'
import { complete } from './complete.ts'
import { mend } from './marks.ts'
import type { Mark } from './checked.ts'
import { decideCall } from './decide-call.ts'
import { changeRule, type ChangeInput } from './rule-changes.ts'
import { placedRules, ruleValue } from './placed-rules.ts'

export const QUESTIONS = {
  check,
  complete,
  mend: ({ text, mark }: { text: string; mark: Mark }) => mend(text, mark),
  rules: ({ text }: { text: string }) => placedRules(text),
  rule: ({ text, index }: { text: string; index: number }) => ruleValue(text, index),
  change: (input: ChangeInput) => changeRule(input),
  decide: decideCall,
} as const

export type Questions = typeof QUESTIONS
export type Question = keyof Questions
export type Asked<Name extends Question> = Parameters<Questions[Name]>[0]
export type Answer<Name extends Question> = ReturnType<Questions[Name]>
