// A held call's own words, as they are kept: its arguments sealed, exactly as they will run, and what lists show of them.
import type { z } from 'zod'
import { redactText } from '@mcpshield/redact/redact-text'
import { redactValue } from '@mcpshield/redact/redact-value'
import { DEFAULT_REDACTIONS } from '@mcpshield/redact/redactions'

export type Json = z.core.util.JSONType

const keyedHash = () => ''
const MAX_TEXT_UNITS = 8_192
/** Of all of them, in a list; who decides reads them in full. */
const MAX_SHOWN_UNITS = 64 * 1024

/** Arguments as audits show them: without what the default detectors find, long texts cut. */
export function shownArguments(given: Json): Json {
  const redacted = clipTexts(redactValue(given, DEFAULT_REDACTIONS, { keyedHash }).value as Json)
  const units = JSON.stringify(redacted).length
  return units <= MAX_SHOWN_UNITS ? redacted : `[too long to be listed: ${units} characters]`
}

/** A text that a call brought along, without secrets, fit to be stored and cut to a length. */
export function shownText(text: string, maxUnits = MAX_TEXT_UNITS): string {
  const storable = text.toWellFormed().replaceAll('\0', '\u{fffd}')
  return clip(redactText(storable, DEFAULT_REDACTIONS, keyedHash).text, maxUnits)
}

function clipTexts(value: Json): Json {
  if (typeof value === 'string') return clip(value, MAX_TEXT_UNITS)
  if (Array.isArray(value)) return value.map(clipTexts)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, clipTexts(each)]))
}

function clip(text: string, maxUnits: number): string {
  return text.length <= maxUnits ? text : `${text.slice(0, maxUnits - 1).toWellFormed()}…`
}
