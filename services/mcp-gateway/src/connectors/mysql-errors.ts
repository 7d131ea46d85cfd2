// What a client is told of MySQL's errors. Many of its messages quote values ("Duplicate entry 'x'"), which may be
// what a policy redacts: only those of a list are told, others by their SQLSTATE.
import { AppError } from '@mcpshield/contracts/errors'
import type { Grant } from './connector.ts'

type MysqlError = Error & { errno?: number; sqlState?: string; sqlMessage?: string; code?: string }

/** About the text of the statement. Told only while it is prepared: later, the text may come from data. */
const OF_THE_TEXT = new Set([
  ...[1046, 1049, 1051, 1052, 1054, 1055, 1056, 1058, 1063, 1064, 1065, 1066, 1072, 1075, 1101, 1103, 1107],
  ...[1109, 1110, 1111, 1115, 1128, 1136, 1140, 1146, 1149, 1166, 1176, 1193, 1203, 1210, 1221, 1222],
  ...[1235, 1239, 1241, 1243, 1247, 1248, 1250, 1273, 1286, 1295, 1305, 1318, 1319, 1327, 1348, 1351],
  ...[1356, 1393, 1394, 1395, 1415, 1422, 1425, 1426, 1427, 1439, 1442, 1471, 1479, 1580, 1582, 1583, 1584],
  ...[1630, 1689, 1701, 3065, 3579, 3593, 3594, 4091, 4161],
])
/** About rights, locks, the state of the server or a rule of the schema: names, and no values. */
const OF_THE_STATE = new Set([
  ...[1017, 1021, 1028, 1030, 1037, 1038, 1040, 1041, 1044, 1045, 1048, 1050, 1099, 1100, 1114, 1142, 1143],
  ...[
    1158, 1159, 1160, 1161, 1179, 1192, 1205, 1206, 1213, 1223, 1227, 1242, 1264, 1265, 1290, 1295, 1305,
    1317,
  ],
  ...[1364, 1365, 1369, 1370, 1400, 1406, 1419, 1436, 1451, 1452, 1568, 1665, 1690, 1729, 1792, 1836, 3100],
  ...[3572, 3618, 3819, 4025, 4166],
])
/** The statement took too long: MySQL, MariaDB. */
const TIMED_OUT = new Set([3024, 1969])
const OUT_OF_RANGE = 1690

export function asMysqlError(error: unknown, phase: 'prepare' | 'execute', grant: Grant): AppError {
  if (error instanceof AppError) return error
  const { errno, sqlState, sqlMessage, code } = error as MysqlError
  // The error itself holds the statement: the log gets what kind it was.
  const cause = new Error(`MySQL error ${errno ?? code ?? 'without a code'}`)
  if (errno !== undefined && TIMED_OUT.has(errno)) return stopped(grant, cause)
  if (sqlState === undefined || errno === undefined)
    return new AppError('UNAVAILABLE', 'The database connection broke.', { cause })
  const told = OF_THE_STATE.has(errno) || (phase === 'prepare' && OF_THE_TEXT.has(errno))
  const message = !told
    ? `the statement failed on the data it read (error ${errno}, SQLSTATE ${sqlState}); the data is not shown`
    : errno === OUT_OF_RANGE
      ? 'a number is out of range'
      : (sqlMessage ?? '')
  return new AppError('INVALID_ARGUMENT', `MySQL: ${message}`, { cause })
}

export function stopped(grant: Grant, cause?: unknown): AppError {
  return new AppError('DEADLINE_EXCEEDED', `The statement was stopped after ${grant.timeoutMs} ms.`, {
    cause,
  })
}
