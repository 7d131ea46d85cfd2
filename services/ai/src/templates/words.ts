// The words by which requests are recognised, and what a request is.
import type { Policy, Rule } from '@mcpshield/policy/schema'
import type { Knowledge } from '../knowledge.ts'

export type Wanted = { text: string; knowledge: Knowledge; policy: Policy }
export type Answer = { rules: (Rule & { id: string })[]; reply: string }
export type Request = { name: string; answer(wanted: Wanted): Answer | undefined }

export const DENIES =
  /\b(?:den(?:y|ies)|block|forbid|prevent|prohibit|disallow|stop|never|must not|may not|cannot|can't|no)\b/i
export const ALLOWS = /\b(?:allow|permit|let|may|can|grant|enable|give|need|read[- ]?only)\b/i
export const READS = /\b(?:read(?:s|ing)?|select|query|queries|look at|see|view|read[- ]?only)\b/i
export const WRITES = /\b(?:writ(?:e|es|ing)|insert|update|modif(?:y|ies)|chang(?:e|es|ing)|edit)\b/i
export const DELETES =
  /\b(?:delet(?:e|es|ing|ions?)|drop(?:s|ping)?|truncat(?:e|es|ing)|remov(?:e|es|al)\s+(?:of\s+)?(?:rows?|records?|tables?|data|documents?))\b/i
export const ASKS = /\b(?:ask|approval|approve|confirm|confirmation|a person|human)\b/i
export const HIDES = /\b(?:hide|hiding|mask|redact|conceal|anonymi[sz]e|without showing|strip)\b/i
export const HOURS =
  /\b(?:business|office|working|work)\s+hours?\b|\bhours? of\b|\bweekdays?\b|\bmon(?:day)?\s*(?:-|to)\s*fri(?:day)?\b/i
export const FILES = /\b(?:files?|folders?|director(?:y|ies)|paths?)\b/i

export const inWords = (patterns: readonly string[]) => patterns.join(', ')
