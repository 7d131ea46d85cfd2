/** What a decision is to the call. */
export const WORDS = { allow: 'Allowed', deny: 'Denied', ask: 'Held' } as const
