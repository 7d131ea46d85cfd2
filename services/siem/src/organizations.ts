// What goes with a deleted organisation: all of its feeds.
import { FeedRow } from './entities.ts'
import { settle, type Rows } from './store.ts'

export async function forgetOrganization(rows: Rows, org_id: string): Promise<void> {
  await rows.change(async (em) => {
    const feeds = await em.find(FeedRow, { org_id })
    for (const feed of feeds) {
      settle(em, feed)
      em.remove(feed)
    }
    await em.flush()
  })
}
