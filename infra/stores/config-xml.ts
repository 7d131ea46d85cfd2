// ClickHouse's configuration as data, for tests: elements, attributes, text and comments, and nothing else of XML.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export type Element = {
  name: string
  attributes: Record<string, string>
  children: Element[]
  text: string
}

export const readConfigXml = (file: string) =>
  parseConfigXml(readFileSync(join(import.meta.dirname, file), 'utf8'))

/** The root. Throws for what is not well-formed, or beyond what is read here. */
export function parseConfigXml(source: string): Element {
  const root: Element = { name: '', attributes: {}, children: [], text: '' }
  const open = [root]
  let rest = source.replace(/<!--((?!--)[^])*-->/g, '')
  while (rest !== '') {
    const here = open.at(-1)!
    const tag = /^<(\/?)([a-z_0-9]+)((?:\s+[a-z_]+="[^"<]*")*)\s*(\/?)>/.exec(rest)
    if (tag === null) {
      const text = /^[^<&]+/.exec(rest)?.[0]
      if (text === undefined) throw new Error(`not well-formed: ${rest.slice(0, 40)}`)
      here.text += text.trim()
      rest = rest.slice(text.length)
      continue
    }
    const [whole, ends, name = '', attributes = '', isEmpty] = tag
    rest = rest.slice(whole.length)
    if (ends !== '') {
      if (name !== here.name || attributes !== '') throw new Error(`</${name}> ends <${here.name}>`)
      open.pop()
      continue
    }
    const element = { name, attributes: attributesOf(attributes), children: [], text: '' }
    here.children.push(element)
    if (isEmpty === '') open.push(element)
  }
  const [only, ...more] = root.children
  if (only === undefined || more.length > 0 || open.length > 1 || root.text !== '')
    throw new Error(`one element was to be open and closed: ${open.at(-1)!.name}`)
  return only
}

const attributesOf = (text: string) =>
  Object.fromEntries([...text.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!]))

/** Those at a path below: `keeper_server.raft_configuration.server`. */
export function at(element: Element, path: string): Element[] {
  return path
    .split('.')
    .reduce(
      (found, name) => found.flatMap(({ children }) => children.filter((each) => each.name === name)),
      [element],
    )
}

export const textAt = (element: Element, path: string) => at(element, path).map(({ text }) => text)
