// Requests about folders and hosts.
import { namedFolders, namedHosts } from './names.ts'
import { DENIES, ALLOWS, WRITES, inWords, type Request } from './words.ts'

export const allowFolder: Request = {
  name: 'allow a folder (“allow reading files in /srv/data”)',
  answer({ text }) {
    const folders = namedFolders(text)
    if (folders.length === 0 || !ALLOWS.test(text) || DENIES.test(text)) return undefined
    const writes = WRITES.test(text)
    const tool = [
      'filesystem.read',
      'filesystem.list',
      'filesystem.search',
      ...(writes ? ['filesystem.write'] : []),
    ]
    const name = (folders[0] ?? '')
      .replace(/[^A-Za-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 40)
      .toLowerCase()
    return {
      rules: [{ id: `files-${name}`, tool, decision: 'allow', conditions: { path_prefix: folders } }],
      reply: `Files inside ${inWords(folders)} may be read and listed${writes ? ', and written' : ''}; nothing beside it.`,
    }
  },
}

export const allowHost: Request = {
  name: 'allow a host (“allow requests to api.example.com”)',
  answer({ text }) {
    const hosts = namedHosts(text)
    if (hosts.length === 0 || !ALLOWS.test(text) || DENIES.test(text)) return undefined
    if (
      !/\b(?:requests?|hosts?|domains?|calls?|https?|api|apis|url|urls|fetch|web|network|access|reach)\b|https?:/i.test(
        text,
      )
    )
      return undefined
    const name = (hosts[0] ?? '')
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+/, '')
      .slice(0, 40)
    return {
      rules: [
        {
          id: `host-${name}`,
          tool: 'network.request',
          decision: 'allow',
          conditions: { allowed_domains: hosts },
        },
      ],
      reply: `Requests to ${inWords(hosts)} are allowed, and to no other host by this rule.`,
    }
  },
}
