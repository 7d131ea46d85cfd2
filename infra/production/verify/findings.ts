// What was found, told while it is found: a line for each, and for what is wrong how to mend it.

export type Outcome = 'ok' | 'failed' | 'skipped'
export type Finding = { name: string; outcome: Outcome; detail?: string; mend?: string }

export type Findings = {
  /** Runs a check: what it returns is said beside its name; a Broken, or any other error, is a failure. */
  check(name: string, mend: string, run: () => Promise<string | void>): Promise<boolean>
  skip(name: string, why: string): void
  readonly all: readonly Finding[]
}

/** A check that failed, in words for who mends it. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

export function findings(tell: (line: string) => void): Findings {
  const all: Finding[] = []
  const add = (finding: Finding) => {
    all.push(finding)
    tell(lineOf(finding))
  }
  return {
    all,
    skip: (name, why) => add({ name, outcome: 'skipped', detail: why }),
    async check(name, mend, run) {
      try {
        const detail = await run()
        add({ name, outcome: 'ok', ...(detail === undefined ? {} : { detail }) })
        return true
      } catch (error) {
        add({ name, outcome: 'failed', detail: reasonOf(error), mend })
        return false
      }
    },
  }
}

function lineOf({ name, outcome, detail, mend }: Finding): string {
  const said = detail === undefined ? '' : `: ${detail}`
  return `${outcome.padEnd(8)}${name}${said}${mend === undefined ? '' : `\n        mend: ${mend}`}`
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'no answer in time'
  return error.message === '' ? String(code) : error.message
}

/** `count` things as a person says it. */
export const listed = (names: readonly string[]) => names.join(', ')
