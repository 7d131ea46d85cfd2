import { addresses } from '#lib/public/docs/addresses.server.ts'
import { searchDocs } from '#lib/public/docs/search.server.ts'
import type { PageServerLoad } from './$types'

const MAX_QUESTION = 200

export const load: PageServerLoad = ({ url }) => {
  const question = (url.searchParams.get('q') ?? '').slice(0, MAX_QUESTION).trim()
  return { question, found: searchDocs(question, addresses()) }
}
