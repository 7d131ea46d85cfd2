import type { HTMLInputAttributes } from 'svelte/elements'

type Line = {
  name: 'company' | 'job_title' | 'location' | 'website_url' | 'bio'
  label: string
  maxlength: number
  rows?: number
  type?: HTMLInputAttributes['type']
  autocomplete?: NonNullable<HTMLInputAttributes['autocomplete']>
  placeholder?: string
}

/** What a person may say of themselves, besides their names; left empty it is not said. */
export const PROFILE_LINES: readonly Line[] = [
  { name: 'company', label: 'Company', maxlength: 200, autocomplete: 'organization' },
  { name: 'job_title', label: 'Job title', maxlength: 200, autocomplete: 'organization-title' },
  { name: 'location', label: 'Location', maxlength: 200 },
  {
    name: 'website_url',
    label: 'Website',
    maxlength: 500,
    type: 'url',
    autocomplete: 'url',
    placeholder: 'https://…',
  },
  { name: 'bio', label: 'About you', maxlength: 2_000, rows: 4 },
]
