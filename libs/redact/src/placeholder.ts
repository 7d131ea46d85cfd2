// What stands where a secret would stand: variables, templates, masks, samples and names of types. Redacting these
// would hide documentation and source code without protecting anything.
import { ALNUM, isAt, varietyOf } from './characters.ts'

/** Templates and references that begin with a mark. */
const MARKED = [
  /^\$(?:[A-Z_][A-Z0-9_]*|[a-z_]+|[0-9]{1,2})$/, // $VAR
  /^\$\{[^}]*\}?$/, // ${VAR}
  /^\$\{?\{.*$/s, // ${{ secrets.X }}
  /^\$\(.*$/s, // $(command)
  /^\$env:\w+$/i,
  /^\{\{.*$/s,
  /^\{[\w .:$-]*\}$/,
  /^<[^<>]*>?$/,
  /^%(?:[sdv]|\(\w{1,40}\)s|\w{1,40}%)$/,
  /^#\{.*$/s,
  /^\[[^\]]*\]$/,
  /^:[a-z_]{1,40}$/i,
  /^@[A-Za-z_]+(?:\.[A-Za-z_]+)+$/,
  /^[?]+$/,
  /^\[?\.\.\./,
  /^!(?:vault|secret|env_var|Ref|GetAtt|Sub|reference)\b/,
]
/** References in source code and in configuration. */
const NAMED = [
  /^(?:process\.env|import\.meta\.env|os\.environ|os\.getenv|Deno\.env|System\.getenv)\b/,
  /^(?:ENV|env|getenv|Environment)[.[(]/,
  /^(?:vault|secret|secretsmanager|ssm|op|keyring|file|arn|projects|data|ref|gcp-?sm|awskms|env):[\w/:.@#{}$-]*$/i,
  /^(?:self|this|req|request|res|config|cfg|settings|options|opts|args|params|props|secrets|user|ctx|context|app|credentials|account|state|input|body|form|data|event|env|vars?|local|module|each|input|output)\b[?.[(]/,
  /^[A-Za-z_][\w.]*\(/, // a call
  /^[A-Za-z:_./-]+\$\{/, // text around a variable
  /^(?:new|await|lambda|function|async)(?:\s|$)/,
]

/** Words that are never a secret in use, compared without case. */
const WORDS = new Set(
  (
    'null none nil undefined true false yes no n/a na string str text varchar char bool boolean number integer int bytes any object ' +
    'unknown secretstr securestring password passwd pass pwd passphrase secret token apikey api_key api-key key value changeme change_me change-me ' +
    'changeit placeholder example sample dummy redacted masked hidden removed filtered censored required optional ' +
    'todo tbd fixme xxx foo bar baz foobar test testing empty default user username here bearer basic ' +
    'mypassword my_password my-password mysecret my_secret my-secret mytoken my_token my-token secretkey secret_key secret-key ' +
    'yourpassword yoursecret yourtoken your_password yourkey yourapikey passw'
  ).split(' '),
)
const SAMPLE =
  /^(?:your|my|insert|enter|replace|put|fill|paste)[-_ ][a-z_ -]*(?:key|token|secret|password|passwd|pass|pwd|here|value|credentials?)$|(?:^|[^a-z])your(?:[-_ ]|$)|^your[a-z]*(?:key|token|secret|password|pass)$|_here$|-here$|change[-_ ]?(?:me|it|this)|placeholder|redacted|replace[-_ ]?(?:me|this|with)|example(?:key|token|secret|password)?$|^example(?:$|[-_ .])|^(?:dummy|sample|fake)[-_]?(?:key|token|secret|password|value)?$/i
const EXAMPLE_KEY = /EXAMPLE/
/** What masks are made of, and the bytes that follow a visible beginning or precede a visible end. */
const MASK = /[*•●xX.…_#-]{6}|[*•●…]{3}|\.\.\.$/

/** Whether a value is a stand-in rather than a secret. */
export function isPlaceholder(value: string): boolean {
  const head = value.slice(0, 256)
  if (head.length === 0 || varietyOf(head, 3) < 3) return true
  if (WORDS.has(head.toLowerCase())) return true
  if ((isAt(head, 0, ALNUM) ? NAMED : MARKED).some((reference) => reference.test(head))) return true
  return SAMPLE.test(head) || EXAMPLE_KEY.test(head) || isMasked(head)
}

/** Mostly mask characters: `sk-xxxxxxxxxxxx`, `abcd********`. */
function isMasked(value: string): boolean {
  if (!MASK.test(value)) return false
  const masked = value.match(/[*•●xX.…_#-]/g)?.length ?? 0
  return masked * 2 >= value.length || /[*•●…]{4}|\.\.\.$/.test(value)
}
