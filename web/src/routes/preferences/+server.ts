// How the reader wants pages to look: kept in a cookie, as it must be known before the first byte of a page.
import { error, json } from '@sveltejs/kit'
import { z } from 'zod'
import { THEMES } from '#lib/theme.ts'
import type { RequestHandler } from './$types'

const Preferences = z.strictObject({ theme: z.enum(THEMES) })
const YEAR_S = 31_536_000

export const POST: RequestHandler = async ({ request, cookies, url }) => {
  const given = Preferences.safeParse(await request.json().catch(() => undefined))
  if (!given.success) error(400, `theme is one of ${THEMES.join(', ')}.`)
  cookies.set('theme', given.data.theme, {
    path: '/',
    sameSite: 'lax',
    secure: url.protocol === 'https:',
    maxAge: YEAR_S,
  })
  return json({ theme: given.data.theme })
}
