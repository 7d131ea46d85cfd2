// Saving a policy: what the form sends, and what the page shows when the API refuses.
import { fail } from '@sveltejs/kit'
import { projects } from '@mcpshield/contracts/projects'
import type { ServerDiagnostic } from '#lib/editor/checked.ts'
import { ApiError, type Api } from '#lib/server/api.ts'
import { peopleOf } from './people.ts'

export type SaveRefusal = {
  message: string
  type: string
  diagnostics: ServerDiagnostic[]
  text: string
  note: string
  /** What is in force now, when it is another version than the draft was made from. */
  current?: { version: number; policy_yaml: string; note: string | null; created_at: string; author: string }
}

/** A text area's text, as it was typed: forms send lines with carriage returns. */
export function typedText(form: FormData, name: string): string {
  const value = form.get(name)
  return typeof value === 'string' ? value.replaceAll('\r\n', '\n') : ''
}

export async function savePolicy(api: Api, projectId: string, form: FormData) {
  const text = typedText(form, 'policy_yaml')
  const note = typedText(form, 'note').trim()
  const base = typedText(form, 'base')
  try {
    const { version, diagnostics } = await api(projects.rpc.savePolicy, {
      project_id: projectId,
      policy_yaml: text,
      ...(note === '' ? {} : { note }),
      ...(base === '' ? {} : { if_match: base }),
    })
    return { saved: version, warnings: diagnostics.length }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    const refusal: SaveRefusal = {
      message: error.errors['note'] ?? error.message,
      type: error.type,
      diagnostics: error.diagnostics as ServerDiagnostic[],
      text,
      note,
      ...(error.type === 'stale' ? { current: await currentPolicy(api, projectId) } : {}),
    }
    return fail(error.status, { refusal })
  }
}

async function currentPolicy(api: Api, projectId: string): Promise<NonNullable<SaveRefusal['current']>> {
  const [policy, nameOf] = await Promise.all([
    api(projects.rpc.getPolicy, { project_id: projectId }),
    peopleOf(api),
  ])
  const { version, policy_yaml, note, created_at, author_id } = policy
  return { version, policy_yaml, note, created_at, author: nameOf(author_id) }
}
