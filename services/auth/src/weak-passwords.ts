// Passwords that are guessed first. Nothing is asked of their composition: what is refused is what lists and
// guessing programs begin with.
import { dictionary } from '@zxcvbn-ts/language-common'
import { AppError } from '@mcpshield/contracts/errors'

/** Words that everybody who attacks this installation knows. With the person's address, they carry no secret. */
const CONTEXT_WORDS = ['mcpshield', 'mcp-shield', 'mcp shield']

/** What has to be left of a password without the words that are known. */
const LEFT_CHARACTERS = 8
/** Shorter parts of an address are in too many good passwords by chance. */
const SHORTEST_WORD = 4

const COMMON = new Set(Object.values(dictionary).flatMap((words) => words.map((word) => word.toLowerCase())))

/** Throws INVALID_ARGUMENT for a password that is known, naming the field it came in. */
export function refuseWeakPassword(password: string, path: string, email?: string): void {
  const why = weaknessOf(password, email)
  if (why === undefined) return
  throw new AppError('INVALID_ARGUMENT', why, { errors: [{ path, message: why }] })
}

/** Why a password is refused, as a sentence; undefined when it is not. */
export function weaknessOf(password: string, email?: string): string | undefined {
  const lower = password.toLowerCase()
  if (isCommon(lower)) {
    return 'This password is among the most common ones and would be guessed early; several unrelated words make a good one.'
  }
  if (restWithout(lower, contextOf(email)).length < LEFT_CHARACTERS) {
    return 'This password is little more than the e-mail address or the name of this product; choose one that nobody can derive.'
  }
  return undefined
}

/**
 * In the dictionaries, or one of their entries that was made long enough by digits and signs at its ends or by
 * repetition: the lists have few entries of twelve characters, and this is how the others are made to fit.
 */
function isCommon(lower: string): boolean {
  const core = lower.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '')
  return [lower, core].some((each) => COMMON.has(each)) || isRepetition(lower)
}

function isRepetition(text: string): boolean {
  const unitLength = (text + text).indexOf(text, 1)
  const unit = text.slice(0, unitLength)
  return unitLength < text.length && (unitLength <= SHORTEST_WORD || COMMON.has(unit))
}

function contextOf(email: string | undefined): string[] {
  const [local = ''] = email?.split('@') ?? []
  const words = [...CONTEXT_WORDS, ...(email === undefined ? [] : [email.toLowerCase(), local.toLowerCase()])]
  return words.filter((word) => word.length >= SHORTEST_WORD).sort((a, b) => b.length - a.length)
}

function restWithout(text: string, words: string[]): string {
  return words.reduce((rest, word) => rest.replaceAll(word, ''), text)
}
