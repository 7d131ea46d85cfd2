import { GROUPS } from '#lib/public/docs/contents.server.ts'
import type { LayoutServerLoad } from './$types'

const NAVIGATION = GROUPS.map(({ title, entries }) => ({
  title,
  links: entries.map(({ path, title: name, about }) => ({
    href: `/docs/${path}`,
    title: name,
    ...(about === undefined ? {} : { about }),
  })),
}))

export const load: LayoutServerLoad = () => ({ navigation: NAVIGATION })
