// What a condition on the rest of a call looked at, in words: arguments, who calls, and when.
import type { CallTest } from './conditions.ts'
import type { Context, Facts } from './facts.ts'
import { readTime } from './time-window.ts'
import { areArgumentsUnknown } from './unknown-facts.ts'
import { shown } from './wording.ts'

type Words = {
  /** Begins a sentence: `The environment prod`. */
  subject: (text: string) => string
  /** Follows what the call is about: `in the environment prod`. */
  circumstance: (text: string) => string
  /** Of a list without members. */
  none?: string
}

const WORDS: Record<string, Words> = {
  environment: {
    subject: (text) => `The environment ${text}`,
    circumstance: (text) => `in the environment ${text}`,
  },
  key: { subject: (text) => `The key ${text}`, circumstance: (text) => `by the key ${text}` },
  labels: {
    subject: (text) => `A key labelled ${text}`,
    circumstance: (text) => `by a key labelled ${text}`,
    none: 'A key without labels',
  },
  agent: { subject: (text) => `The agent ${text}`, circumstance: (text) => `by the agent ${text}` },
  user: { subject: (text) => `The user ${text}`, circumstance: (text) => `for the user ${text}` },
  groups: {
    subject: (text) => `A member of ${text}`,
    circumstance: (text) => `for a member of ${text}`,
    none: 'A user without groups',
  },
}

/** The call's own value that a condition looked at, to begin a sentence. With `unsure`, why it cannot be judged. */
export function callInWords(test: CallTest, facts: Facts, context: Context, unsure = false): string {
  const { condition, argument } = test
  if (condition === 'parameters') return argumentInWords(argument ?? '', facts, unsure)
  if (condition === 'time') {
    return readTime(context.time) === undefined ? 'A call whose time is not known' : 'The time of this call'
  }
  const text = valueOf(condition, context)
  const words = WORDS[condition]
  if (text === undefined || words === undefined) {
    return `A call whose ${condition} ${/s$/.test(condition) ? 'are' : 'is'} not known`
  }
  return text === '' && words.none !== undefined ? words.none : words.subject(text)
}

/** What a true condition looked at, to follow what the call is about; empty when there is nothing to say. */
export function circumstanceInWords(test: CallTest, facts: Facts, context: Context): string {
  const { condition, argument } = test
  if (condition === 'time') return ' at this time'
  if (condition === 'parameters') {
    const name = firstName(argument ?? '')
    return isGiven(name, facts) ? ` with the argument ${shown(name)}` : ''
  }
  const text = valueOf(condition, context)
  const words = WORDS[condition]
  return text === undefined || text === '' || words === undefined ? '' : ` ${words.circumstance(text)}`
}

function valueOf(condition: string, context: Context): string | undefined {
  const value = (context as Record<string, unknown>)[condition]
  if (typeof value === 'string') return shown(value)
  if (!Array.isArray(value)) return undefined
  return shown(value.filter((each) => typeof each === 'string').join(', '))
}

function argumentInWords(path: string, facts: Facts, unsure: boolean): string {
  const name = firstName(path)
  if (areArgumentsUnknown(facts.arguments)) return 'A call whose arguments are not known'
  if (!isGiven(name, facts)) return 'A call without the arguments it needs'
  const kind = unsure && name === path ? kindOf(facts.arguments[name]) : undefined
  return `The argument ${shown(name)}${kind === undefined ? '' : `, ${kind},`}`
}

function firstName(path: string): string {
  return path.split('.')[0] ?? ''
}

function isGiven(name: string, { arguments: args }: Facts): boolean {
  return !areArgumentsUnknown(args) && Object.hasOwn(args, name)
}

function kindOf(value: unknown): string {
  if (value === null) return 'which is null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return 'a text'
  if (typeof value === 'number') return 'a number'
  return typeof value === 'boolean' ? `which is ${value}` : 'an object'
}
