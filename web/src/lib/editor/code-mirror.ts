// The editor in a text area's place: YAML with what the engine says of it. Loaded when a page has one.
import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete'
import { snippet, startCompletion, type Completion, type CompletionSource } from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { yaml } from '@codemirror/lang-yaml'
import { bracketMatching, codeFolding, foldGutter, foldKeymap, indentOnInput } from '@codemirror/language'
import { lintGutter, lintKeymap, nextDiagnostic, setDiagnostics, type Diagnostic } from '@codemirror/lint'
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search'
import { Annotation, Compartment, EditorState } from '@codemirror/state'
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter } from '@codemirror/view'
import { keymap, lineNumbers } from '@codemirror/view'
import type { Mark, TextChange } from './checked.ts'
import type { Proposal, Proposals } from './complete.ts'
import { look } from './look.ts'

export type EditorOptions = {
  parent: HTMLElement
  text: string
  label: string
  /** The id of what explains the editor's keys. */
  describedBy: string
  readOnly: boolean
  onText: (text: string) => void
  propose: (text: string, at: number) => Promise<Proposals | undefined>
  mend: (text: string, mark: Mark) => Promise<TextChange | undefined>
}

export type PolicyEditorView = {
  setText: (text: string) => void
  setReadOnly: (readOnly: boolean) => void
  setMarks: (marks: readonly Mark[]) => void
  /** Puts the cursor there, in sight. */
  reveal: (from: number, to?: number) => void
  destroy: () => void
}

/** Set by the page, not typed. */
const fromOutside = Annotation.define<boolean>()

export function mountEditor(options: EditorOptions): PolicyEditorView {
  const lock = new Compartment()
  const view = new EditorView({
    parent: options.parent,
    state: EditorState.create({
      doc: options.text,
      extensions: [...behaviour(options), lock.of(EditorState.readOnly.of(options.readOnly)), look],
    }),
  })
  return {
    setText: (text) => replaceText(view, text),
    setReadOnly: (readOnly) =>
      view.dispatch({ effects: lock.reconfigure(EditorState.readOnly.of(readOnly)) }),
    setMarks: (marks) => view.dispatch(setDiagnostics(view.state, diagnosticsOf(view, marks, options))),
    reveal: (from, to = from) => {
      const end = view.state.doc.length
      view.dispatch({
        selection: { anchor: Math.min(from, end), head: Math.min(to, end) },
        effects: EditorView.scrollIntoView(Math.min(from, end), { y: 'center' }),
      })
      view.focus()
    },
    destroy: () => view.destroy(),
  }
}

function behaviour(options: EditorOptions) {
  return [
    lineNumbers(),
    lintGutter(),
    foldGutter(),
    codeFolding(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    history(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    highlightSelectionMatches(),
    search({ top: true }),
    yaml(),
    autocompletion({ override: [sourceOf(options)], icons: false }),
    keymap.of([
      ...closeBracketsKeymap,
      ...completionKeymap,
      ...searchKeymap,
      ...historyKeymap,
      ...foldKeymap,
      { key: 'F8', run: showNextMark },
      ...lintKeymap,
      ...defaultKeymap,
      indentWithTab,
    ]),
    EditorView.contentAttributes.of({
      'aria-label': options.label,
      'aria-describedby': options.describedBy,
      spellcheck: 'false',
      // Reached by the keyboard also where it is read only.
      tabindex: '0',
    }),
    EditorView.updateListener.of((update) => {
      const isTyped = update.transactions.some((each) => each.docChanged && !each.annotation(fromOutside))
      if (isTyped) options.onText(update.state.doc.toString())
    }),
  ]
}

/** At the only mark, the library's own command shows nothing: it is there already. */
function showNextMark(view: EditorView): boolean {
  if (nextDiagnostic(view)) return true
  const { anchor, head } = view.state.selection.main
  view.dispatch({ selection: { anchor: head } })
  if (nextDiagnostic(view)) return true
  view.dispatch({ selection: { anchor, head } })
  return false
}

/** Only what differs is replaced: the cursor and what can be undone stay. */
function replaceText(view: EditorView, text: string): void {
  const old = view.state.doc.toString()
  if (old === text) return
  const most = Math.min(old.length, text.length)
  let from = 0
  while (from < most && old[from] === text[from]) from++
  let tail = 0
  while (tail < most - from && old[old.length - 1 - tail] === text[text.length - 1 - tail]) tail++
  view.dispatch({
    changes: { from, to: old.length - tail, insert: text.slice(from, text.length - tail) },
    annotations: fromOutside.of(true),
  })
}

function diagnosticsOf(view: EditorView, marks: readonly Mark[], { mend }: EditorOptions): Diagnostic[] {
  const end = view.state.doc.length
  const isLocked = view.state.readOnly
  return marks.map((mark) => ({
    from: Math.min(mark.from, end),
    to: Math.min(mark.to, end),
    severity: mark.severity,
    message: mark.fix === undefined ? mark.message : `${mark.message} To mend it: ${mark.fix}.`,
    ...(mark.mendable && !isLocked
      ? { actions: [{ name: 'Mend', apply: () => void mendMark(view, mark, mend) }] }
      : {}),
  }))
}

async function mendMark(view: EditorView, mark: Mark, mend: EditorOptions['mend']): Promise<void> {
  const text = view.state.doc.toString()
  const change = await mend(text, mark)
  if (change !== undefined && view.state.doc.toString() === text) view.dispatch({ changes: change })
  view.focus()
}

function sourceOf({ propose }: EditorOptions): CompletionSource {
  return async (context) => {
    if (context.state.readOnly) return null
    const typed = context.matchBefore(/[\w.*/-]+/)
    const opened = context.matchBefore(/(^|\n)[ -]*|[:,[{"'] ?/)
    if (typed === null && opened === null && !context.explicit) return null
    const found = await propose(context.state.doc.toString(), context.pos)
    if (found === undefined || context.aborted) return null
    return {
      from: found.from,
      options: found.proposals.map((each, i) => optionOf(each, i)),
      validFor: /^[\w.*/ -]*$/,
    }
  }
}

const SECTIONS = { rule: { name: 'Rules to begin with', rank: 2 } }

/** In the engine's order, where what was typed fits them alike. */
function optionOf(
  { label, kind, detail, info, snippet: template, goesOn }: Proposal,
  place: number,
): Completion {
  return {
    label,
    type: kind,
    boost: -Math.min(place, 99),
    ...(detail ? { detail } : {}),
    ...(info === undefined ? {} : { info }),
    ...(kind === 'rule' ? { section: SECTIONS.rule } : {}),
    apply: template === undefined ? label : applied(template, goesOn === true),
  }
}

function applied(template: string, goesOn: boolean): NonNullable<Completion['apply']> {
  const insert = snippet(template)
  return (view, completion, from, to) => {
    insert(view, completion, from, to)
    if (goesOn) setTimeout(() => startCompletion(view))
  }
}
