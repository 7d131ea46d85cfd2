import { error } from '@sveltejs/kit'
import { addresses } from '#lib/public/docs/addresses.server.ts'
import { docsPage } from '#lib/public/docs/pages.server.ts'
import type { PageServerLoad } from './$types'

export const load: PageServerLoad = ({ params }) => {
  const page = docsPage(params.path, addresses())
  if (page === undefined) error(404, 'There is no such page.')
  return { page }
}
