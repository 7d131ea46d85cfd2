// What becomes of a page whose session was ended elsewhere.
import { redirect, type RequestEvent } from '@sveltejs/kit'
import { ApiError, type Api } from './api.ts'
import { leave } from './leave.ts'

type Asking = Pick<RequestEvent, 'cookies' | 'url'> & { locals: Pick<App.Locals, 'session'> }

/** A session that was ended elsewhere leads to the sign-in; every other refusal is the page's to show. */
export function signedOutWhenRefused({ cookies, url, locals }: Asking, api: Api): Api {
  return async (def, input) => {
    try {
      return await api(def, input)
    } catch (refused) {
      const isOver =
        refused instanceof ApiError && refused.status === 401 && refused.type === 'unauthenticated'
      if (!isOver || locals.session === undefined) throw refused
      // A page asks for several things at once: each that is refused leads away, whichever let go of the cookie.
      await leave(cookies, url)
      redirect(303, `/auth/sign-in?ended&next=${encodeURIComponent(url.pathname)}`)
    }
  }
}
