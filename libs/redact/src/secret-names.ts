// Which names say that what is assigned to them is secret.

/** `word`: people choose it, so any value counts. `token`: machines make it, so it must look random. */
export type SecretKind = 'word' | 'token' | 'aws'

const WORDS = new Set(
  'password passwd passphrase passcode pwd pass pw passwort kennwort contrasena motdepasse senha wachtwoord psw userpass dbpass rootpass passwords secret'.split(
    ' ',
  ),
)
const TOKENS = new Set(
  'token tokens apikeys credential credentials cred creds apikey authorization bearer psk jwt auth accesskey secretkey privatekey accountkey authkey sas cookie jsessionid phpsessid sessionid sessid sid signature sig otp nonceseed mnemonic authtoken'.split(
    ' ',
  ),
)
/** A key is secret when one of these says what it opens. */
const KEY_OF = new Set(
  'api access secret private signing sign encryption encrypt decryption account master auth storage service deploy webhook hmac jwt session consumer app application admin shared client server license crypto cipher aes rsa ssh signature subscription integration write read ingest ingestion bot stripe openai anthropic sendgrid twilio datadog dd github google azure aws maps mail mailgun algolia functions function x'.split(
    ' ',
  ),
)
/** What may follow without changing what the name means: `SECRET_KEY_BASE`, `PASSWORD_PROD`, `apiKey2`. */
const TAILS = new Set(
  'base prod production dev development staging stage test live sandbox value string b64 base64 hex old new current previous primary secondary plain plaintext raw text data 0 1 2 3 4 5 confirmation confirm repeat again encrypted'.split(
    ' ',
  ),
)
/** A key or token that is handed to everyone, or only marks a place in a list. */
const HARMLESS = new Set(
  'public publishable next page pagination continuation continue cursor sync primary foreign partition sort cache idempotency csrf lexer parser stop eos bos pad unk mask cls sep max min num total count lock'.split(
    ' ',
  ),
)
const ENDINGS = [
  'password',
  'passwd',
  'passphrase',
  'passwort',
  'pwd',
  'secret',
  'token',
  'apikey',
  'accesskey',
  'secretkey',
  'privatekey',
  'accountkey',
  'authkey',
  'signingkey',
  'sharedkey',
  'masterkey',
  'encryptionkey',
  'credential',
  'credentials',
  'sessionid',
  'dbpass',
  'userpass',
  'mailpass',
  'smtppass',
  'ftppass',
]

/** The kind of secret a name such as `DB_PASSWORD`, `clientSecret` or `x-api-key` stands for, if any. */
export function secretKindOf(name: string): SecretKind | undefined {
  const words = wordsOf(name)
  while (words.length > 1 && TAILS.has(words.at(-1)!)) words.pop()
  const last = words.at(-1)
  if (last === undefined) return undefined
  const before = words.at(-2) ?? ''
  if (HARMLESS.has(before) && !WORDS.has(last)) return undefined
  const kind = kindOf(last, before, words)
  if (kind !== undefined && kind !== 'word' && isAws(words)) return 'aws'
  return kind === 'word' && isAws(words) && words.includes('key') ? 'aws' : kind
}

function kindOf(last: string, before: string, words: string[]): SecretKind | undefined {
  if (WORDS.has(last)) return words.includes('public') ? undefined : 'word'
  if (TOKENS.has(last)) return 'token'
  if (last === 'key' || last === 'keys') return KEY_OF.has(before) ? 'token' : undefined
  if (last === 'id' && (before === 'session' || before === 'sess')) return 'token'
  if (last === 'phrase' && (before === 'pass' || before === 'seed' || before === 'recovery')) return 'word'
  if (last === 'word' && before === 'pass') return 'word'
  const ending = ENDINGS.find((candidate) => last.endsWith(candidate))
  if (ending === undefined) return undefined
  return ending.startsWith('pass') || ending.endsWith('pass') || ending === 'pwd' || ending === 'secret'
    ? 'word'
    : 'token'
}

function isAws(words: string[]): boolean {
  return words.includes('aws') || (words.includes('secret') && words.includes('access'))
}

/** `dbPassword`, `DB_PASSWORD`, `db.password`, `db-password` → db, password */
function wordsOf(name: string): string[] {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
  const last = words.at(-1)
  const numbered = last === undefined ? null : /^([a-z]+)[0-9]{1,2}$/.exec(last)
  if (numbered !== null) words[words.length - 1] = numbered[1]!
  return words
}
