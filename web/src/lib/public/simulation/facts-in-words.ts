import { isUnknown, type Access, type Facts, type Unknown } from '@mcpshield/policy/facts'

/** What a call touches, a line for each thing. */
export function factsInWords({ paths, urls, accesses }: Facts): string[] {
  const lines = [
    ...linesOf(paths, (path) => `path ${path}`),
    ...linesOf(urls, ({ scheme, host, port }) => `host ${host}, ${scheme}, port ${port}`),
    ...linesOf(accesses, accessInWords),
  ]
  return lines.length === 0 ? ['no file, host or database'] : lines
}

function linesOf<Fact extends object | string>(
  facts: (Fact | Unknown)[] | Unknown,
  inWords: (fact: Fact) => string,
): string[] {
  if (isUnknown(facts)) return [`not known: ${facts.unknown}`]
  return facts.map((fact) => (isUnknown(fact) ? `not known: ${fact.unknown}` : inWords(fact as Fact)))
}

function accessInWords({ operation, resource, fields, functions }: Access): string {
  const what = [
    named(operation),
    resource === null ? 'no stored data' : named(resource),
    Array.isArray(fields) ? (fields.length > 0 ? `(${fields.join(', ')})` : '') : '(columns not known)',
    Array.isArray(functions) && functions.length > 0 ? `with ${functions.join(', ')}` : '',
  ]
  return what.filter((part) => part !== '').join(' ')
}

const named = (value: string | Unknown) => (isUnknown(value) ? 'something that is not known' : value)
