import type { Api } from '#lib/server/api.ts'
import type { WebSession } from '#lib/server/sessions.ts'
import type { Theme } from '#lib/theme.ts'

declare global {
  namespace App {
    interface Locals {
      /** The public API, as who is signed in; as nobody before that. */
      api: Api
      /** Absent where nobody is signed in. */
      session: WebSession | undefined
      theme: Theme
      /** Of the reader, by IANA name; UTC until their browser has told it. */
      timeZone: string
    }
  }
}
