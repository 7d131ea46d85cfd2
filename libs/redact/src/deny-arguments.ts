// `{detector, on: arguments, deny: true}`: a call that carries what the detector finds is denied by that rule.
import { redactValue } from './redact-value.ts'

export type DeniedArguments = { rule: string; detector: string }

/** The first of the denials whose detector finds something in a call's arguments, with what to say of it. */
export function deniedArguments(
  args: unknown,
  denials: readonly DeniedArguments[] = [],
): { rule: string; reason: string } | undefined {
  for (const { rule, detector } of denials) {
    // A value that is only looked at needs no hash.
    const { count } = redactValue(args, [{ detector }], { keyedHash: () => '' })
    if (count > 0)
      return { rule, reason: `The arguments carry something that looks like a secret (${detector}).` }
  }
  return undefined
}
