/** What the page of audits can be asked for in its address. */
export type AuditFilters = {
  project_id?: string
  decision?: string
  tool?: string
  rule?: string
  agent?: string
  q?: string
  /** RFC 3339. */
  from?: string
  to?: string
}

/** Where the calls behind a number are. */
export function auditsLink(filters: AuditFilters): string {
  return `/app/audits?${new URLSearchParams(Object.entries(filters))}`
}
