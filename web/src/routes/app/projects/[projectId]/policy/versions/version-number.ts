/** The number of a version as a URL has it; undefined when it is none. */
export function versionIn(text: string | null | undefined): number | undefined {
  return text != null && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined
}
