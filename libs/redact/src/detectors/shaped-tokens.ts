// Credentials known by their shape rather than by a prefix. Each is looked for at a rare anchor, and read with a
// sticky, bounded pattern.
import { BASE64URL, DIGIT, DOT, HEX, runStart, startsWord, varietyOf } from '../characters.ts'
import type { Emit } from '../finding.ts'
import type { VendorDetector } from './vendor-tokens.ts'

type Shaped = {
  detector: VendorDetector
  anchor: string
  /** Matched at the anchor; what it matches ends the finding. */
  after: RegExp
  /** What stands before the anchor: a run of these characters, of a length within the bounds. */
  before?: { characters: number; min: number; max: number }
}

const SHAPED: Shaped[] = [
  // 123456789:AA…, a Telegram bot
  {
    detector: 'chat_token',
    anchor: ':A',
    after: /:A[\w-]{33,40}/y,
    before: { characters: DIGIT, min: 8, max: 10 },
  },
  // Microsoft Entra client secrets
  {
    detector: 'cloud_token',
    anchor: 'Q~',
    after: /Q~[\w~.-]{31,34}/y,
    before: { characters: BASE64URL | DOT, min: 4, max: 5 },
  },
  // Mailchimp: an md5 and a data centre
  {
    detector: 'mail_key',
    anchor: '-us',
    after: /-us[0-9]{1,2}(?![\w-])/y,
    before: { characters: HEX, min: 32, max: 32 },
  },
  {
    detector: 'slack_token',
    anchor: 'hooks.slack.com/',
    after: /hooks\.slack\.com\/(?:services|workflows|triggers)\/[\w/+-]{20,200}/y,
  },
  {
    detector: 'chat_token',
    anchor: '/api/webhooks/',
    after: /\/api\/webhooks\/[0-9]{10,25}\/[\w-]{20,200}/y,
  },
  {
    detector: 'chat_token',
    anchor: '.webhook.office.com/',
    after: /\.webhook\.office\.com\/[\w@/-]{40,400}/y,
  },
]

// Discord: a base64 of the bot's number, a timestamp, a signature. Airtable: pat, 14 characters, 64 hex digits.
const DISCORD = /[MNO][\w-]{22,28}\.[\w-]{6}\.[\w-]{27,45}/y
const AIRTABLE = /pat[A-Za-z0-9]{14}\.[0-9a-f]{64}/y

/** Finds credentials that are known by shape: bots, webhooks, and secrets with a mark in the middle. */
export function findShapedTokens(
  text: string,
  wanted: ReadonlySet<string>,
  emit: Emit<VendorDetector>,
): void {
  for (const shaped of SHAPED) {
    if (wanted.has(shaped.detector)) findShaped(text, shaped, emit)
  }
  if (text.includes('.')) findDotted(text, wanted, emit)
}

function findShaped(
  text: string,
  { detector, anchor, after, before }: Shaped,
  emit: Emit<VendorDetector>,
): void {
  for (let at = text.indexOf(anchor); at !== -1; at = text.indexOf(anchor, at + 1)) {
    let start = at
    if (before !== undefined) {
      start = runStart(text, at, before.characters, before.max + 1)
      if (at - start < before.min || at - start > before.max || !startsWord(text, start)) continue
    }
    after.lastIndex = at
    if (
      !after.test(text) ||
      varietyOf(text.slice(at, after.lastIndex), 7) < 7 - (before?.characters === HEX ? 4 : 0)
    )
      continue
    emit(detector, start, after.lastIndex)
    at = after.lastIndex - 1
  }
}

function findDotted(text: string, wanted: ReadonlySet<string>, emit: Emit<VendorDetector>): void {
  for (let dot = text.indexOf('.'); dot !== -1; dot = text.indexOf('.', dot + 1)) {
    const start = runStart(text, dot, BASE64URL, 30)
    const length = dot - start
    if (length === 17 && wanted.has('saas_token')) emitAt(text, AIRTABLE, start, 'saas_token', emit)
    if (length >= 23 && length <= 29 && wanted.has('chat_token'))
      emitAt(text, DISCORD, start, 'chat_token', emit)
  }
}

function emitAt(
  text: string,
  shape: RegExp,
  start: number,
  detector: VendorDetector,
  emit: Emit<VendorDetector>,
): void {
  shape.lastIndex = start
  if (startsWord(text, start) && shape.test(text)) emit(detector, start, shape.lastIndex)
}
