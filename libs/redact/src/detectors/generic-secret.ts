// Secrets known by the name they are assigned to: `DB_PASSWORD=…`, `"clientSecret": "…"`, `<password>…</password>`,
// `--token …`, `the password is …`. The name decides what may count as a secret (secret-names.ts); the value must
// not be a stand-in for one (placeholder.ts).
import { ALNUM, DOT, URL_MARK, isAt, runEnd, runStart } from '../characters.ts'
import type { Emit } from '../finding.ts'
import { isPlaceholder } from '../placeholder.ts'
import { secretKindOf } from '../secret-names.ts'
import type { SecretKind } from '../secret-names.ts'
import { isUuid, looksSecret } from '../secret-values.ts'
import type { HowWritten } from '../secret-values.ts'
import { readValue } from './assigned-value.ts'

const NAME_PART =
  /pass|pwd|\bpw\b|_pw\b|psw|secret|token|key|cred|auth|bearer|\bpsk|jwt|\bsas|\bsig\b|signature|sess|\bsid|senha|kennwort|wachtwoord|contrase|motdepasse|mnemonic|(?:seed|recovery)[ _-]?phrase|\botp\b/gi
const NAME_CHARACTERS = ALNUM | URL_MARK | DOT
const MAX_NAME = 80
/** Inside a rejected value another name may stand. All values together are read this often, which keeps it linear. */
const READS_PER_CHARACTER = 2

/** Finds the values of names that say "secret"; those of AWS names are reported as `aws_key`. */
export function findGenericSecrets(
  text: string,
  wanted: ReadonlySet<string>,
  emit: Emit<'generic_secret' | 'aws_key'>,
): void {
  const names = new RegExp(NAME_PART)
  let budget = READS_PER_CHARACTER * text.length + 4096
  const kinds = new Map<string, SecretKind | undefined>()
  for (let match = names.exec(text); match !== null; match = names.exec(text)) {
    const start = runStart(text, match.index, NAME_CHARACTERS, MAX_NAME)
    const end = runEnd(text, names.lastIndex, NAME_CHARACTERS, names.lastIndex + MAX_NAME)
    names.lastIndex = Math.max(names.lastIndex, end)
    const nameStart = skipEscape(text, start)
    const kind = kindOf(text.slice(nameStart, end), kinds)
    if (kind === undefined) continue
    const value = readValue(text, nameStart, end)
    if (value === undefined) continue
    const secret = text.slice(value.start, value.end)
    if (isSecret(secret, kind, text.slice(nameStart, end), value.how)) {
      const type = kind === 'aws' && wanted.has('aws_key') ? 'aws_key' : 'generic_secret'
      if (wanted.has(type)) emit(type, value.start, value.end)
      names.lastIndex = Math.max(names.lastIndex, value.end)
      continue
    }
    budget -= secret.length
    if (budget < 0) names.lastIndex = Math.max(names.lastIndex, value.end)
  }
}

/** Texts repeat their names; each is judged once. */
function kindOf(name: string, kinds: Map<string, SecretKind | undefined>): SecretKind | undefined {
  if (kinds.has(name)) return kinds.get(name)
  const kind = secretKindOf(name)
  if (kinds.size < MAX_NAMES) kinds.set(name, kind)
  return kind
}
const MAX_NAMES = 1000

/** Whether a value under this name is secret, as for the members of a JSON object. */
export function isSecretMember(name: string, value: string): boolean {
  const kind = secretKindOf(name)
  return kind !== undefined && isSecret(value, kind, name, 'quoted')
}

function isSecret(value: string, kind: SecretKind, name: string, how: HowWritten): boolean {
  const trimmed = value.trim()
  if (!looksSecret(trimmed, kind, how) || isPlaceholder(trimmed)) return false
  // `password: string):` in source code, `password: required.` in a text.
  const bare = trimmed.replace(/[)\]},;:.!?]{1,4}$/, '')
  if (bare !== trimmed && isPlaceholder(bare)) return false
  // A session's UUID says which session it is; opening one takes more.
  if (isUuid(trimmed) && /id$/i.test(name)) return false
  // The shell's working directory.
  if (/^(?:OLD)?PWD$/.test(name) && trimmed.startsWith('/')) return false
  return trimmed.toLowerCase() !== name.toLowerCase()
}

/** In `\npassword=…` of escaped text the `n` is no part of the name. */
function skipEscape(text: string, start: number): number {
  return text[start - 1] === '\\' && isAt(text, start, ALNUM) && 'nrt'.includes(text[start]!)
    ? start + 1
    : start
}
