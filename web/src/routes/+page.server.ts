import { config } from '#lib/server/config.ts'
import { FIGURES } from '#lib/public/landing/figures.server.ts'
import { judge } from '#lib/public/simulation/judge.ts'
import { SAMPLE_POLICY } from '#lib/public/simulation/sample-policy.ts'
import type { PageServerLoad } from './$types'

/** The policy that the page begins with does not look at the time. */
const { verdicts = {} } = judge(SAMPLE_POLICY, new Date())

export const load: PageServerLoad = () => ({
  verdicts,
  figures: FIGURES,
  mcp: `${config().MCP_URL.replace(/\/$/, '')}/mcp`,
})
