import type { Trial } from '@mcpshield/contracts/projects'

/** What a test gave, of which system; as an action returns it. */
export type Tested = { id: string; trial: Trial }

/** Of a page that was sent without scripts. */
export function testedIn(form: object | null | undefined): Tested | undefined {
  return form !== null && form !== undefined && 'trial' in form && 'id' in form ? (form as Tested) : undefined
}
