import { redirect } from '@sveltejs/kit'
import { auth } from '@mcpshield/contracts/auth'
import { ApiError } from '#lib/server/api.ts'
import { leave } from '#lib/server/leave.ts'
import { nextQuery } from '#lib/server/next-page.ts'
import type { RequestHandler } from './$types'

/** Ends the API's session, then the browser's: also where the API cannot be reached. */
export const POST: RequestHandler = async ({ locals, cookies, url }) => {
  if (locals.session !== undefined) {
    await locals.api(auth.rpc.endSession, {}).catch((refused: unknown) => {
      if (!(refused instanceof ApiError)) throw refused
    })
  }
  await leave(cookies, url)
  redirect(303, `/auth/sign-in${nextQuery(url)}`)
}
