/** Why a canonical tool name is refused; undefined when it is one: 1–128 characters of `A-Z a-z 0-9 _ - . /`. */
export function refuseToolName(name: string): string | undefined {
  return /^[A-Za-z0-9_\-./]{1,128}$/.test(name)
    ? undefined
    : 'the tool name is not 1 to 128 characters of A-Z a-z 0-9 _ - . /'
}

/** `github` and `create_issue` → `github/create_issue`. */
export function canonicalToolName(upstream: string, tool: string): string {
  return `${upstream}/${tool}`
}
