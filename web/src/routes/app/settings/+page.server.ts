import { redirect } from '@sveltejs/kit'
import type { PageServerLoad } from './$types'

/** Mails lead here for the choice of mails. */
export const load: PageServerLoad = () => redirect(307, '/app/settings/notifications')
