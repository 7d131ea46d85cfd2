// What can go wrong with files, as answers. The system's own words would name paths that nobody asked for.
import { AppError, type ErrorCode } from '@mcpshield/contracts/errors'

/** Something was put in the place of what was looked at, between the look and the opening. */
export class ChangedMeanwhile extends Error {}

const ANSWERS: Record<string, [ErrorCode, string]> = {
  ENOENT: ['NOT_FOUND', 'There is nothing at this path.'],
  ENOTDIR: ['NOT_FOUND', 'A folder of this path does not exist.'],
  EACCES: ['PERMISSION_DENIED', 'The gateway’s own account has no right to this.'],
  EPERM: ['PERMISSION_DENIED', 'The gateway’s own account has no right to this.'],
  EROFS: ['PERMISSION_DENIED', 'This part of the file system cannot be written.'],
  ENAMETOOLONG: ['INVALID_ARGUMENT', 'The path, or a name in it, is too long.'],
  EEXIST: ['CONFLICT', 'There is something at this path already; use the mode replace or append.'],
  EISDIR: ['INVALID_ARGUMENT', 'This is a folder.'],
  ENXIO: ['INVALID_ARGUMENT', 'Only files and folders can be used; this is neither.'],
  ENOSPC: ['UNAVAILABLE', 'There is no room left to write.'],
  EDQUOT: ['UNAVAILABLE', 'There is no room left to write.'],
  EMFILE: ['UNAVAILABLE', 'Too many files are open; try again in a moment.'],
  ENFILE: ['UNAVAILABLE', 'Too many files are open; try again in a moment.'],
}

export function asFileError(error: unknown): unknown {
  if (error instanceof ChangedMeanwhile)
    return new AppError('CONFLICT', 'The path was changed while it was opened; try again.', { cause: error })
  const { code, syscall } = error as NodeJS.ErrnoException
  if (syscall === undefined || code === undefined) return error
  const [answer, message] = ANSWERS[code] ?? ['UNAVAILABLE', `The file system did not do it (${code}).`]
  return new AppError(answer, message, { cause: error })
}

export function notAFile(): AppError {
  return new AppError('INVALID_ARGUMENT', 'Only files and folders can be used; this is neither.')
}
