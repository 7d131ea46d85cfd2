// How the editor looks: the tokens of app.css, so that it follows the theme without being told.
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import { Prec } from '@codemirror/state'
import { Decoration, EditorView, MatchDecorator, ViewPlugin } from '@codemirror/view'
import type { DecorationSet, ViewUpdate } from '@codemirror/view'
import { tags } from '@lezer/highlight'

const frame = EditorView.theme({
  '&': { color: 'var(--ink)', backgroundColor: 'var(--surface)', height: '100%', fontSize: '0.8125rem' },
  // The frame around it shows the focus.
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '1.55', overflow: 'auto' },
  '.cm-content': { caretColor: 'var(--ink)', paddingBlock: '0.5rem' },
  '.cm-cursor, .cm-dropCursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--accent) 28%, transparent)',
  },
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--muted)', border: 'none' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--raised) 60%, transparent)' },
  '.cm-activeLineGutter': { backgroundColor: 'var(--raised)', color: 'var(--ink)' },
  '.cm-selectionMatch': { backgroundColor: 'var(--accent-soft)' },
  '.cm-searchMatch': { backgroundColor: 'var(--ask-soft)', outline: '1px solid var(--ask)' },
  '.cm-searchMatch-selected': { backgroundColor: 'var(--accent-soft)', outline: '2px solid var(--accent)' },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--accent-soft)' },
  '.cm-foldPlaceholder': {
    backgroundColor: 'var(--raised)',
    border: '1px solid var(--line)',
    color: 'var(--muted)',
  },
})

const boxes = EditorView.theme({
  '.cm-tooltip': {
    backgroundColor: 'var(--surface)',
    color: 'var(--ink)',
    border: '1px solid var(--strong-line)',
    borderRadius: '6px',
    boxShadow: '0 6px 20px rgb(0 0 0 / 0.18)',
    maxWidth: 'min(34rem, 92vw)',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--font-mono)', maxHeight: '16rem' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': {
    backgroundColor: 'var(--accent-soft)',
    color: 'var(--ink)',
  },
  '.cm-completionDetail': { color: 'var(--muted)', fontStyle: 'normal' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700', color: 'var(--accent)' },
  '.cm-tooltip.cm-completionInfo': { padding: '6px 10px', fontFamily: 'var(--font-sans)', maxWidth: '22rem' },
  '.cm-panels': { backgroundColor: 'var(--raised)', color: 'var(--ink)', fontFamily: 'var(--font-sans)' },
  '.cm-panels.cm-panels-top': { borderBottom: '1px solid var(--line)' },
  '.cm-panel.cm-search': { padding: '8px 32px 8px 10px' },
  '.cm-panel.cm-search label': { fontSize: '0.8125rem' },
  '.cm-textfield': {
    backgroundColor: 'var(--surface)',
    color: 'var(--ink)',
    border: '1px solid var(--strong-line)',
    borderRadius: '4px',
    padding: '3px 6px',
    fontSize: '0.8125rem',
  },
  '.cm-button': {
    backgroundImage: 'none',
    backgroundColor: 'var(--surface)',
    color: 'var(--ink)',
    border: '1px solid var(--strong-line)',
    borderRadius: '4px',
    padding: '3px 8px',
    fontSize: '0.8125rem',
  },
  '.cm-panel.cm-search [name=close]': { color: 'var(--ink)', fontSize: '1.25rem', minWidth: '24px' },
})

const lint = EditorView.theme({
  '.cm-diagnostic': { padding: '6px 10px', fontFamily: 'var(--font-sans)', borderLeft: '4px solid' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--deny)' },
  '.cm-diagnostic-warning': { borderLeftColor: 'var(--ask)' },
  '.cm-diagnostic-hint': { borderLeftColor: 'var(--info)' },
  '.cm-diagnosticAction': {
    backgroundColor: 'var(--accent)',
    color: 'var(--on-accent)',
    borderRadius: '4px',
    padding: '3px 8px',
    marginLeft: '8px',
    minHeight: '24px',
    fontFamily: 'var(--font-sans)',
  },
  '.cm-lintRange-error, .cm-lintRange-warning, .cm-lintRange-hint': {
    backgroundImage: 'none',
    textDecorationLine: 'underline',
    textDecorationStyle: 'wavy',
    textUnderlineOffset: '3px',
    textDecorationSkipInk: 'none',
  },
  '.cm-lintRange-error': { textDecorationColor: 'var(--deny)' },
  '.cm-lintRange-warning': { textDecorationColor: 'var(--ask)' },
  '.cm-lintRange-hint': { textDecorationColor: 'var(--info)', textDecorationStyle: 'dotted' },
  '.cm-panel.cm-panel-lint ul [aria-selected]': {
    backgroundColor: 'var(--accent-soft)',
    color: 'var(--ink)',
  },
  '.cm-panel.cm-panel-lint ul': { maxHeight: '10rem' },
})

const words = HighlightStyle.define([
  { tag: tags.definition(tags.propertyName), color: 'var(--accent)' },
  { tag: tags.string, color: 'var(--info)' },
  { tag: tags.content, color: 'var(--ink)' },
  { tag: tags.lineComment, color: 'var(--muted)', fontStyle: 'italic' },
  { tag: tags.labelName, color: 'var(--ask)' },
  { tag: tags.typeName, color: 'var(--ask)' },
  { tag: [tags.separator, tags.punctuation, tags.squareBracket, tags.brace], color: 'var(--muted)' },
])

const DECISIONS: Record<string, Decoration> = Object.fromEntries(
  ['allow', 'deny', 'ask'].map((word) => [
    word,
    Decoration.mark({ attributes: { style: `color: var(--${word}); font-weight: 600` } }),
  ]),
)

/** `allow`, `deny` and `ask` in their colours, where they are decisions. */
const decisionWords = new MatchDecorator({
  regexp: /(?<!#.*)\b(decision|expect|default):(\s+["']?)(allow|deny|ask)\b/g,
  decorate: (add, from, _to, [, key = '', gap = '', word = '']) => {
    const start = from + key.length + 1 + gap.length
    const mark = DECISIONS[word]
    if (mark !== undefined) add(start, start + word.length, mark)
  },
})

const decisionColours = ViewPlugin.define<{ words: DecorationSet; update(update: ViewUpdate): void }>(
  (view) => ({
    words: decisionWords.createDeco(view),
    update(update) {
      this.words = decisionWords.updateDeco(update, this.words)
    },
  }),
  { decorations: (plugin) => plugin.words },
)

export const look = [frame, boxes, lint, syntaxHighlighting(words), Prec.highest(decisionColours)]
