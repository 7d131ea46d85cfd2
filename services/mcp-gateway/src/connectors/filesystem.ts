// Files below one folder. What a path names is found here, not by the kernel alone: no link is followed that the
// decision point did not allow, and what is opened is looked at again before a byte of it is read or written.
import { isUnknown } from '@mcpshield/policy/facts'
import { AppError } from '@mcpshield/contracts/errors'
import { normalizePath } from '@mcpshield/facts/paths'
import type { Answer, ConnectionSpec, Connector, Grant } from './connector.ts'
import { inTime, startClock, type Clock } from './filesystem-clock.ts'
import { asFileError } from './filesystem-errors.ts'
import { listFolder } from './filesystem-list.ts'
import { steadily, type Ways } from './filesystem-open.ts'
import { readFile } from './filesystem-read.ts'
import { searchFolder } from './filesystem-search.ts'
import { walk, type Spot } from './filesystem-walk.ts'
import { writeFile } from './filesystem-write.ts'
import type { ArgsOf, ConnectorToolName } from './tools.ts'
import { turns } from './turns.ts'

/** The system's file calls run on a few threads that the whole gateway shares. */
const MAX_RUNNING = 8

/** `ways` is how this system opens files; a test may choose. */
export function filesystemConnector(connection: ConnectionSpec, ways?: Ways): Connector {
  const root = rootOf(connection)
  const take = turns(MAX_RUNNING)
  const runOnce = async (tool: ConnectorToolName, args: object, grant: Grant, clock: Clock) => {
    await using spot = await walk(root, pathOf(grant), grant, ways)
    return await runTool(tool, spot, args, grant, clock)
  }
  return {
    async run(tool, args, grant) {
      const clock = startClock(grant)
      try {
        return await inTime(
          take(grant, () => steadily(() => runOnce(tool, args, grant, clock))),
          grant,
        )
      } catch (error) {
        throw asFileError(error)
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}

function rootOf({ name, path }: ConnectionSpec): string {
  const root = path === null ? null : normalizePath(path)
  if (root === null || isUnknown(root))
    throw new AppError('INVALID_ARGUMENT', `The connection ${name} has no absolute path.`)
  return root
}

/** The one path that was decided. */
function pathOf({ paths }: Grant): string {
  const [path, ...others] = paths
  if (path === undefined || others.length > 0)
    throw new AppError('PERMISSION_DENIED', 'Not run: it could not be told which path this call means.')
  return path
}

function runTool(
  tool: ConnectorToolName,
  spot: Spot,
  args: object,
  grant: Grant,
  clock: Clock,
): Promise<Answer> {
  switch (tool) {
    case 'filesystem.read':
      return readFile(spot, args as ArgsOf<'filesystem.read'>, grant, clock)
    case 'filesystem.list':
      return listFolder(spot, args as ArgsOf<'filesystem.list'>, grant, clock)
    case 'filesystem.search':
      return searchFolder(spot, args as ArgsOf<'filesystem.search'>, grant, clock)
    case 'filesystem.write':
      return writeFile(spot, args as ArgsOf<'filesystem.write'>, clock)
    default:
      throw new AppError('INVALID_ARGUMENT', `This connection has no tool ${tool}.`)
  }
}
