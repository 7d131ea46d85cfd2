import { config } from '#lib/server/config.ts'
import type { LayoutServerLoad } from './$types'

export const load: LayoutServerLoad = () => ({ mailUrl: config().MAIL_URL, codeDigits: config().OTP_LENGTH })
