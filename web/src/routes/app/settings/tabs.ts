export type Tab = { label: string; href: string }

const at = (label: string, path: string): Tab => ({ label, href: `/app/settings/${path}` })

/** The person's own. */
export const PERSON_TABS: readonly Tab[] = [
  at('Notifications', 'notifications'),
  at('Sessions', 'sessions'),
  at('Second factor', 'second-factor'),
  at('API', 'api'),
  at('Delete account', 'account'),
]

/** Of the organisation that they work in. */
export const ORGANIZATION_TABS: readonly Tab[] = [
  at('Members', 'members'),
  at('Organisation', 'organization'),
  at('Organisation policy', 'policy'),
  at('SIEM', 'siem'),
]
