// The shell scripts pass shellcheck, where it can be had.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './compose-file.ts'
import { shellcheckProgram } from './test-programs.ts'

const program = await shellcheckProgram(process.env)
if (typeof program !== 'string')
  console.warn(`SKIPPED: shellcheck. There is none here, and ${program.missing}.`)

test.skipIf(typeof program !== 'string').for(['setup_production.sh', 'verify_setup.sh', '.ci/run'])(
  '%s has nothing that shellcheck warns of',
  (script) => {
    const { stdout, status } = spawnSync(program as string, [join(ROOT, script)], { encoding: 'utf8' })
    expect([status, stdout]).toEqual([0, ''])
  },
)
