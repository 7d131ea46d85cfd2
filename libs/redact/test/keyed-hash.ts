import { createHmac } from 'node:crypto'

export const keyedHash = (text: string) => createHmac('sha256', 'a key for tests').update(text).digest('hex')
