// Wording in a tool's definition that speaks to the model behind the person's back. Words alone prove nothing, so these
// are the ones that honest definitions have no use for; each comes with what it does, for a person to judge.

type Sign = { pattern: RegExp; does: string }

/** Told of a file or a place where secrets are kept. */
const SECRET_PLACE = String.raw`(?:~\/\.|\.ssh\b|id_(?:rsa|ed25519)\b|\/etc\/(?:passwd|shadow)\b|(?:^|[\s"'\x60/])\.env\b|mcp\.json\b|\.aws\b|\.cursor\b|\.npmrc\b|\.netrc\b|\.git-credentials\b|\.kube\b|_history\b)`
const SECRET_THING = String.raw`(?:api[ _-]?keys?|passwords?|passphrases?|private keys?|ssh keys?|access tokens?|session tokens?|credentials?|secrets?|cookies|environment variables|system prompt|(?:chat|conversation) history|(?:whole|full|entire|previous) conversation)`
const WITHIN = '[^.!?]{0,80}?'
const PERSON = String.raw`(?:the|your|any) (?:user|human|person|operator|customer)\b(?!['’]s)`

const SIGNS: Sign[] = [
  {
    pattern: new RegExp(
      String.raw`\b(?:ignore|disregard|forget|override|bypass) (?:\w+ ){0,4}?(?:previous|prior|earlier|preceding|above|existing|other|system|safety) (?:\w+ ){0,2}?(?:instruction|prompt|rule|message|guideline|direction|restriction|polic)`,
    ),
    does: 'tells the model to ignore what it was told',
  },
  { pattern: /\bnew (?:system )?instructions? ?:/, does: 'gives the model new instructions' },
  {
    pattern:
      /\byou are now (?:an? |in |the )|\b(?:developer|debug|admin|god|jailbreak) mode (?:is )?(?:on|enabled|activated)\b/,
    does: 'tells the model to be something else',
  },
  {
    pattern: new RegExp(
      String.raw`\b(?:do not|don['’]?t|never|must not|without|avoid) (?:ever )?(?:tell|telling|inform|informing|mention|mentioning|notify|notifying|alert|alerting|reveal|revealing|disclose|disclosing|say|show|showing|explain|explaining|warn|warning)\b(?: (?:this|that|it|these|anything|about|the|any|of|fact|details?)){0,4}?(?: to)? ${PERSON}`,
    ),
    does: 'tells the model to keep something from the person',
  },
  {
    pattern: new RegExp(
      String.raw`\b(?:hide|conceal|keep) (?:this|it|that|these|the [a-z]+)(?: \w+){0,3}? (?:from|secret from|hidden from) ${PERSON}|${PERSON} (?:must|should|does|need|may) not (?:need to )?(?:know|see|notice|be told|be aware|learn)`,
    ),
    does: 'tells the model to keep something from the person',
  },
  {
    pattern:
      /\b(?:do not|don['’]?t|never) (?:ask|wait|request|seek)\b[^.!?]{0,40}?\b(?:confirmation|permission|approval|consent)\b/,
    does: 'tells the model not to ask the person',
  },
  {
    pattern:
      /\bbefore (?:using|calling|invoking|running|you use|you call) (?:this|any|the|every|each)\b[^.!?]{0,60}?\b(?:read|open|cat|load|fetch) (?!only)/,
    does: 'wants the model to read something first',
  },
  {
    pattern: new RegExp(
      String.raw`\b(?:read|open|cat|load|fetch|access|send|upload|print)\b${WITHIN}${SECRET_PLACE}`,
    ),
    does: 'wants the model to read a file that holds secrets',
  },
  {
    pattern: new RegExp(
      String.raw`\b(?:pass|include|put|append|attach|copy|paste|send|insert|forward|embed)\b${WITHIN}\b(?:contents? of|text of|data from|value of)\b${WITHIN}(?:${SECRET_PLACE}|${SECRET_THING})`,
    ),
    does: 'asks for the content of files or secrets in a parameter',
  },
  {
    pattern: new RegExp(
      String.raw`\b(?:pass|include|put|append|attach|copy|paste|forward|embed) (?:in |all |any |of |the |your |its |user['’]?s |full |current ){1,4}${SECRET_THING}\b`,
    ),
    does: 'asks for secrets in a parameter',
  },
  {
    pattern:
      /\b(?:all|every|any) (?:e-?mails?|messages?|payments?|transfers?|requests?|results?|data)\b[^.!?]{0,40}?\b(?:must|should|have to|need to)\b (?:also )?(?:be )?(?:sent|send|forwarded?|copied|redirected|bcc|go) /,
    does: 'tells the model to send things elsewhere',
  },
  {
    pattern:
      /<\/?important\b|<\/(?:system|instructions?|secret|hidden|critical|admin|system-reminder|rules)>|<\|im_start\|>|\[\/?inst\]|<<\/?sys>>/,
    does: 'has a tag that is meant for the model',
  },
  { pattern: /<!--/, does: 'has a comment that a page would not show' },
]

/** As many blanks, or empty lines, push what follows out of sight. */
const MAX_BLANKS = 80
const MAX_EMPTY_LINES = 15

/** What the text does that it should not, each said once. */
export function hiddenInstructions(text: string): string[] {
  const plain = text
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .replace(/\s+/g, ' ')
    .toLowerCase()
  const found = new Set(SIGNS.filter(({ pattern }) => pattern.test(plain)).map(({ does }) => does))
  if (hasGap(text)) found.add('has a run of blanks that pushes what follows out of sight')
  return [...found]
}

function hasGap(text: string): boolean {
  return [...text.matchAll(/\s+/g)].some(
    ({ 0: blanks, index }) =>
      index + blanks.length < text.length &&
      (blanks.split('\n').length > MAX_EMPTY_LINES ||
        blanks.split('\n').some((line) => line.length > MAX_BLANKS)),
  )
}
