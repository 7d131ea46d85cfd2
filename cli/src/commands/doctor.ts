// `mcpshield doctor`: everything that the commands and the clients of this machine depend on, what is wrong with it, and
// how to mend it.
import { jsonText } from '../answers.ts'
import { colorsFor } from '../diagnostics-text.ts'
import { checkClients } from '../doctor/clients.ts'
import type { Finding } from '../doctor/finding.ts'
import { checkGateway } from '../doctor/gateway.ts'
import { checkHere } from '../doctor/here.ts'
import { checkServer } from '../doctor/server.ts'
import { readLogin } from '../login-file.ts'
import { printable } from '../printable.ts'
import { openBase, type Account } from '../rest-api.ts'
import { addressOf } from '../rest-client.ts'
import { DONE, NEGATIVE, write, type World } from '../world.ts'

export type DoctorOptions = Account & { mcp?: string; decisions?: string; json?: boolean }

export async function doctor(world: World, options: DoctorOptions): Promise<number> {
  const said = options.api ?? world.environment.apiUrl ?? (await readLogin(world).catch(() => undefined))?.api
  const api = addressOf(openBase(world, said === undefined ? {} : { api: said }))
  const findings: Finding[] = []
  const tell = async (found: Finding[]) => {
    for (const finding of found) {
      findings.push(finding)
      await write(world.stdout, options.json ? jsonText(finding) : findingText(world, finding))
    }
  }
  await tell(await checkHere(world, api))
  await tell(await checkServer(world, api, options.decisions ?? api))
  const { url, found } = await checkGateway(world, api, options.mcp)
  await tell(found)
  await tell(await checkClients(world, url))
  const wrong = findings.filter(({ state }) => state === 'wrong').length
  if (!options.json) await write(world.stdout, wrong === 0 ? 'Nothing is wrong.\n' : `${wrong} to mend.\n`)
  return wrong === 0 ? DONE : NEGATIVE
}

const NAME_WIDTH = 24

function findingText(world: World, { name, state, detail, mend }: Finding): string {
  const colors = colorsFor(world, world.stdout)
  const paint = { ok: colors.green, wrong: colors.red, note: colors.yellow }[state]
  const line = `${paint(state.padEnd(5))}  ${printable(name).padEnd(NAME_WIDTH)}  ${printable(detail)}\n`
  return mend === undefined
    ? line
    : `${line}       ${' '.repeat(NAME_WIDTH)}  ${colors.cyan('mend:')} ${printable(mend)}\n`
}
