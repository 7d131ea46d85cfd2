// What the shells may complete, read from the commands themselves, as a script for each shell.
import type { Command, Option } from 'commander'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

type Word = { text: string; description: string }
type Place = {
  /** The command, from its first word: `mcpshield policy`. */
  at: string
  words: Word[]
  /** Options that take a value, and the values where there are only some. */
  valued: { flags: string[]; choices: string[] }[]
}

export function completionScript(program: Command, shell: Shell): string {
  const places = placesOf(program, program.name())
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](program.name(), places)
}

function placesOf(command: Command, at: string): Place[] {
  const help = command.createHelp()
  const options = help.visibleOptions(command)
  const commands = help.visibleCommands(command).filter((each) => each.name() !== 'help')
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? [])
  const place: Place = {
    at,
    words: [
      ...commands.map((each) => ({ text: each.name(), description: each.description() })),
      ...choices.map((text) => ({ text, description: '' })),
      ...options.map((option) => ({ text: longOf(option), description: option.description })),
    ],
    valued: options
      .filter(({ required, optional }) => required || optional)
      .map((option) => ({ flags: flagsOf(option), choices: option.argChoices ?? [] })),
  }
  return [place, ...commands.flatMap((each) => placesOf(each, `${at} ${each.name()}`))]
}

const flagsOf = ({ short, long }: Option) => [short, long].filter((flag) => flag !== undefined)
const longOf = (option: Option) => option.long ?? option.short ?? ''

/** As one word of any of the three shells. */
const quoted = (text: string) => `'${text.replaceAll("'", '’').replaceAll('\\', '')}'`

const commandsOf = (places: Place[]) => places.slice(1).map(({ at }) => quoted(at))

function valuedOf(places: Place[]) {
  return places.flatMap(({ at, valued }) =>
    valued.map(({ flags, choices }) => ({ patterns: flags.map((flag) => quoted(`${at} ${flag}`)), choices })),
  )
}

/** Where no word of ours is wanted, the shell completes the names of files by itself. */
function bashScript(name: string, places: Place[]): string {
  const values = valuedOf(places).map(({ patterns, choices }) =>
    choices.length === 0
      ? `    ${patterns.join('|')}) return ;;`
      : `    ${patterns.join('|')}) words=${quoted(choices.join(' '))} ;;`,
  )
  const words = places.map(
    (place) => `      ${quoted(place.at)}) words=${quoted(place.words.map(({ text }) => text).join(' '))} ;;`,
  )
  return `# bash completion of ${name}: source <(${name} completion bash)
_${name}() {
  local at=${quoted(name)} words='' word i
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$at $word" in
      ${commandsOf(places).join('|')}) at="$at $word" ;;
      *' --') return ;;
    esac
  done
  case "$at $before" in
${values.join('\n')}
  esac
  if [[ -z $words ]]; then
    case "$at" in
${words.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${name} ${name}
`
}

function zshScript(name: string, places: Place[]): string {
  const described = (words: Word[]) =>
    words
      .map(({ text, description }) =>
        quoted(`${text.replaceAll(':', '\\:')}${description === '' ? '' : `:${description}`}`),
      )
      .join(' ')
  const values = valuedOf(places).map(({ patterns, choices }) =>
    choices.length === 0
      ? `    ${patterns.join('|')}) _files; return ;;`
      : `    ${patterns.join('|')}) compadd -- ${choices.join(' ')}; return ;;`,
  )
  const words = places.map((place) => `    ${quoted(place.at)}) choices=(${described(place.words)}) ;;`)
  return `#compdef ${name}
# zsh completion of ${name}: source <(${name} completion zsh), or as a file _${name} on the fpath
_${name}() {
  local at=${quoted(name)} i
  local -a choices
  for ((i = 2; i < CURRENT; i++)); do
    case "$at \${words[i]}" in
      ${commandsOf(places).join('|')}) at="$at \${words[i]}" ;;
      *' --') _files; return ;;
    esac
  done
  case "$at \${words[CURRENT-1]}" in
${values.join('\n')}
  esac
  case "$at" in
${words.join('\n')}
  esac
  _describe ${quoted(name)} choices
  [[ \${words[CURRENT]} == -* ]] || _files
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`
}

function fishScript(name: string, places: Place[]): string {
  const here = (at: string) => `-n "test (__${name}_at) = ${quoted(at)}"`
  const described = (description: string) => (description === '' ? '' : ` -d ${quoted(description)}`)
  const lines = places.flatMap(({ at, words, valued }) =>
    words.map(({ text, description }) => {
      if (!text.startsWith('--'))
        // -f: no names of files beside those of commands.
        return `complete -c ${name} ${here(at)} -f -a ${quoted(text)}${described(description)}`
      const value = valued.find(({ flags }) => flags.includes(text))
      const wants =
        value === undefined
          ? ''
          : value.choices.length === 0
            ? ' -r'
            : ` -x -a ${quoted(value.choices.join(' '))}`
      return `complete -c ${name} ${here(at)} -l ${text.slice(2)}${wants}${described(description)}`
    }),
  )
  return `# fish completion of ${name}: ${name} completion fish | source
function __${name}_at
  set -l at ${quoted(name)}
  for word in (commandline -opc)[2..-1]
    switch "$at $word"
      case ${commandsOf(places).join(' ')}
        set at "$at $word"
    end
  end
  echo $at
end
${lines.join('\n')}
`
}
