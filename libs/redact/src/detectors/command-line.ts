// Passwords given to well-known commands by a short option, which has no name to say what it carries.
import type { Emit } from '../finding.ts'
import { isPlaceholder } from '../placeholder.ts'

const COMMAND =
  /\b(?:mysql(?:dump|admin|import)?|mariadb|sshpass|redis-cli|docker login|ldap(?:search|modify|add)|mongosh|mongodump)(?= )/g
/** MySQL's `-p` takes its value without a space; after a space stands the name of a database. */
const OPTION: Record<string, RegExp> = {
  mysql: /(?<= )-p["']?([^\s"']{4,128})/,
  mari: /(?<= )-p["']?([^\s"']{4,128})/,
  sshpass: /(?<= )-p ?["']?([^\s"']{3,128})/,
  redis: /(?<= )(?:-a|--pass) ["']?([^\s"']{3,128})/,
  docker: /(?<= )-p ?["']?([^\s"']{3,128})/,
  ldap: /(?<= )-w ["']?([^\s"']{3,128})/,
  mongo: /(?<= )-p ["']?([^\s"']{3,128})/,
}
const MAX_COMMAND = 256

/** Finds passwords in the options of commands. */
export function findCommandPasswords(text: string, emit: Emit<'generic_secret'>): void {
  const commands = new RegExp(COMMAND)
  for (let match = commands.exec(text); match !== null; match = commands.exec(text)) {
    const name = match[0]
    const from = commands.lastIndex
    const line = /^[^\r\n;|&]*/.exec(text.slice(from, from + MAX_COMMAND))![0]
    const option = Object.entries(OPTION)
      .find(([command]) => name.startsWith(command))![1]
      .exec(line)
    if (option === null || isPlaceholder(option[1]!)) continue
    const end = from + option.index + option[0].length
    emit('generic_secret', end - option[1]!.length, end)
    commands.lastIndex = end
  }
}
