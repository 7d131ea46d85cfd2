import { UsesAndConversations } from './0001-uses-and-conversations.ts'

/** In order; each runs once. */
export const migrations = [{ name: '0001-uses-and-conversations', class: UsesAndConversations }]
