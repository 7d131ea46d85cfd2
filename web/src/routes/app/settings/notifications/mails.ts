import type { Notifications } from '@mcpshield/contracts/auth'

/** Mails that a person may do without, and when they come. */
export const MAILS: readonly { name: keyof Notifications; label: string; hint: string }[] = [
  {
    name: 'pending_approval',
    label: 'A tool call waits for an approval',
    hint: 'A rule leaves it to a person, and you may decide it.',
  },
  {
    name: 'quarantined_tool',
    label: 'A tool has changed and is blocked',
    hint: 'An upstream server says something else of it than when it was accepted. To owners and admins.',
  },
  {
    name: 'plan_limit_near',
    label: 'The plan’s events of this month are running out',
    hint: 'To owners and admins.',
  },
  {
    name: 'plan_limit_reached',
    label: 'The plan’s events of this month are used up',
    hint: 'Agents go on working; every decision is still enforced and recorded. To owners and admins.',
  },
]
