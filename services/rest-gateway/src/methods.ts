// Which methods a path has, so that a request with another one is told.
import type { FastifyInstance } from 'fastify'
import { sendNotFound } from './problem.ts'

const NOT_THERE = {}

/** Asking for the head of a stream would make all of it: such a path has no HEAD. */
export function refuseHead(app: FastifyInstance, url: string): void {
  app.head(url, { config: NOT_THERE }, async (_request, reply) => {
    sendNotFound(reply, ['GET', 'OPTIONS'])
    return reply
  })
}

/** Collects every route declared from now on. The function returned names the methods of a path. */
export function methodsOf(app: FastifyInstance): (path: string) => string[] {
  const known = new Map<string, { pattern: RegExp; methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method, config }) => {
    if (url === '*' || config === NOT_THERE) return
    const route = known.get(url) ?? { pattern: patternOf(url), methods: new Set(['OPTIONS']) }
    known.set(url, route)
    for (const each of [method].flat()) route.methods.add(each)
  })
  return (path) => {
    const found = [...known.values()].filter(({ pattern }) => pattern.test(path))
    return [...new Set(found.flatMap(({ methods }) => [...methods]))].sort()
  }
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+'
    return part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('/')}$`)
}
