import type { LayoutServerLoad } from './$types'

export const load: LayoutServerLoad = ({ locals }) => ({
  theme: locals.theme,
  timeZone: locals.timeZone,
  user: locals.session?.user,
})
