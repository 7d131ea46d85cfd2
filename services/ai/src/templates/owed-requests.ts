// Requests that narrow what is allowed already: columns that are hidden, limits, hours.
import { listOf, ruleId, type Rule } from '@mcpshield/policy/schema'
import { namedColumns, namedHours, namedRate, namedZone } from './names.ts'
import { HIDES, HOURS, inWords, type Answer, type Request, type Wanted } from './words.ts'

/** Rules that allow and may be made to owe more: those of databases only, where that is what is meant. */
function allowRules({ policy }: Wanted, which: (rule: Rule) => boolean = () => true): Answer['rules'] {
  return (policy.rules ?? [])
    .map((rule, i) => ({ ...rule, id: ruleId(rule, i) }))
    .filter((rule) => rule.decision === 'allow' && which(rule))
}

const isOfDatabase = ({ tool }: Rule) =>
  listOf(tool).some((each) => /^(?:postgres|mysql|sqlite|mongodb|redis)\b/.test(each) || each === '*')

export const hideColumns: Request = {
  name: 'hide columns in results (“hide e-mail addresses and the column ssn”)',
  answer(wanted) {
    if (!HIDES.test(wanted.text)) return undefined
    const { detectors, columns } = namedColumns(wanted.text, wanted.knowledge)
    if (detectors.length + columns.length === 0) return undefined
    const rules = allowRules(wanted, isOfDatabase).map((rule) => {
      const entries = [...detectors, ...(columns.length === 0 ? [] : [{ fields: columns }])] as NonNullable<
        Rule['redact']
      >
      const had = new Set((rule.redact ?? []).map((each) => JSON.stringify(each)))
      return {
        ...rule,
        redact: [...(rule.redact ?? []), ...entries.filter((each) => !had.has(JSON.stringify(each)))],
      }
    })
    if (rules.length === 0)
      return {
        rules,
        reply:
          'No rule allows reading a database yet, so there is nothing to hide in. Allow something first.',
      }
    return {
      rules,
      reply: `Every rule that allows reading a database hides ${inWords([...detectors, ...columns])}.`,
    }
  },
}

export const limitRate: Request = {
  name: 'limit how often (“limit to 60 calls per minute”)',
  answer(wanted) {
    const rate = namedRate(wanted.text)
    if (rate === undefined || !/\b(?:limit|at most|maximum|max|no more than|up to|rate)\b/i.test(wanted.text))
      return undefined
    const rules = allowRules(wanted).map((rule) => ({
      ...rule,
      limits: { ...rule.limits, rate_limit: { ...rate, by: 'key' as const } },
    }))
    if (rules.length === 0)
      return {
        rules,
        reply: 'No rule allows anything yet, so there is nothing to limit. Allow something first.',
      }
    return {
      rules,
      reply: `Every rule that allows has a limit of ${rate.calls} calls in ${rate.per} for each key.`,
    }
  },
}

export const businessHours: Request = {
  name: 'business hours only (“only during business hours, Europe/Berlin”)',
  answer(wanted) {
    const { text } = wanted
    if (!HOURS.test(text)) return undefined
    const time = { days: 'mon-fri', hours: namedHours(text), timezone: namedZone(text) ?? 'UTC' }
    const rules = allowRules(wanted).map((rule) => ({ ...rule, conditions: { ...rule.conditions, time } }))
    if (rules.length === 0)
      return {
        rules,
        reply: 'No rule allows anything yet, so there are no hours to keep. Allow something first.',
      }
    return {
      rules,
      reply: `Every rule that allows does so from Monday to Friday, ${time.hours} (${time.timezone}), only.`,
    }
  },
}
