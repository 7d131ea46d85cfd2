/** A day of a form, whole: its last second in UTC. Null for none. */
export function endOfDay(day: string | undefined): string | null {
  return day ? `${day}T23:59:59.000Z` : null
}
