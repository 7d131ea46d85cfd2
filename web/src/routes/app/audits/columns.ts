// The columns of the list, and from which width of the list on each is shown.

export const COLUMNS = [
  { name: 'time', label: 'Time', numeric: false },
  { name: 'decision', label: 'Decision', numeric: false },
  { name: 'tool', label: 'Tool', numeric: false },
  { name: 'touched', label: 'What it touched', numeric: false },
  { name: 'rule', label: 'Rule', numeric: false },
  { name: 'agent', label: 'Agent', numeric: false },
  { name: 'project', label: 'Project', numeric: false },
  { name: 'outcome', label: 'Outcome', numeric: false },
  { name: 'took', label: 'Took', numeric: true },
] as const

export type Column = (typeof COLUMNS)[number]['name']

export const CELL_HIDDEN_BELOW: Record<Column, string> = {
  time: '',
  decision: '',
  tool: '',
  touched: '@max-lg:hidden',
  rule: '@max-4xl:hidden',
  agent: '@max-5xl:hidden',
  project: '@max-7xl:hidden',
  outcome: '@max-5xl:hidden',
  took: '@max-5xl:hidden',
}

export const ROW_GRID = [
  'grid items-center gap-x-3 px-3',
  'grid-cols-[6.25rem_4.5rem_minmax(0,1fr)]',
  '@lg:grid-cols-[6.25rem_4.5rem_minmax(0,1fr)_minmax(0,1.2fr)]',
  '@2xl:grid-cols-[10rem_5.5rem_minmax(0,2fr)_minmax(0,3fr)]',
  '@4xl:grid-cols-[10rem_5.5rem_minmax(0,2fr)_minmax(0,3fr)_minmax(0,1.5fr)]',
  '@5xl:grid-cols-[10rem_5.5rem_minmax(0,2fr)_minmax(0,3fr)_minmax(0,1.5fr)_minmax(0,1.2fr)_5rem_4.5rem]',
  '@7xl:grid-cols-[10rem_5.5rem_minmax(0,2fr)_minmax(0,3.5fr)_minmax(0,1.5fr)_minmax(0,1.2fr)_minmax(0,1fr)_5rem_4.5rem]',
].join(' ')
