// Aggregation expressions: which fields they read, and whether they run scripts. What is not listed is not known.
import { isDocument, type BsonDocument } from './mongodb-values.ts'
import { administers, notesAll, notesField, notesName, type Scope } from './mongodb-scope.ts'
import { CannotTell } from './sql/statement.ts'

const words = (text: string): Set<string> => new Set(text.trim().split(/\s+/))

// Every operand of these is an expression, or an object whose values are.
const operators = words(`
  $abs $acos $acosh $add $allElementsTrue $and $anyElementTrue $arrayElemAt $arrayToObject $asin $asinh $atan $atan2
  $atanh $avg $binarySize $bitAnd $bitNot $bitOr $bitXor $bsonSize $ceil $cmp $concat $concatArrays $cond $convert $cos
  $cosh $dateAdd $dateDiff $dateFromParts $dateFromString $dateSubtract $dateToParts $dateToString $dateTrunc
  $dayOfMonth $dayOfWeek $dayOfYear $degreesToRadians $divide $eq $exp $filter $first $firstN $floor $gt $gte $hour
  $ifNull $in $indexOfArray $indexOfBytes $indexOfCP $isArray $isNumber $isoDayOfWeek $isoWeek $isoWeekYear $last
  $lastN $let $ln $log $log10 $lt $lte $ltrim $map $max $maxN $median $mergeObjects $millisecond $min $minN $minute
  $mod $month $multiply $ne $not $objectToArray $or $percentile $pow $radiansToDegrees $rand $range $reduce $regexFind
  $regexFindAll $regexMatch $replaceAll $replaceOne $reverseArray $round $rtrim $second $setDifference $setEquals
  $setField $setIntersection $setIsSubset $setUnion $sigmoid $sin $sinh $size $slice $sortArray $split $sqrt
  $stdDevPop $stdDevSamp $strLenBytes $strLenCP $strcasecmp $substr $substrBytes $substrCP $subtract $subtype $sum
  $switch $tan $tanh $toBool $toDate $toDecimal $toDouble $toHashedIndexKey $toInt $toLong $toLower $toObjectId
  $toString $toUUID $toUpper $trim $trunc $tsIncrement $tsSecond $type $unsetField $week $year $zip
`)

// Only among what $group, $bucket and $setWindowFields compute.
const accumulators = words(`
  $addToSet $bottom $bottomN $count $covariancePop $covarianceSamp $denseRank $derivative $documentNumber $expMovingAvg
  $integral $linearFill $locf $minMaxScaler $push $rank $shift $top $topN
`)

const scripts = words('$function $accumulator')
const data = words('$literal $const $meta')

// Variables that hold no data of documents; those a $let or $map binds hold what was read where they were bound.
const systemVariables = words('NOW CLUSTER_TIME REMOVE DESCEND PRUNE KEEP SEARCH_META USER_ROLES')

/** Notes what an expression reads. Throws CannotTell for an operator that is not known. */
export function readExpression(scope: Scope, value: unknown): void {
  if (typeof value === 'string') return readText(scope, value)
  if (Array.isArray(value)) {
    for (const member of value) readExpression(scope, member)
    return
  }
  if (!isDocument(value)) return
  const operator = operatorOf(value)
  if (operator === undefined) for (const member of Object.values(value)) readExpression(scope, member)
  else readOperator(scope, operator, value[operator])
}

/** The operator of an object that is one; undefined for an object of expressions. */
export function operatorOf(value: BsonDocument): string | undefined {
  const keys = Object.keys(value)
  if (!keys.some((key) => key.startsWith('$'))) return undefined
  if (keys.length !== 1)
    throw new CannotTell(`there are other keys beside ${keys.find((key) => key.startsWith('$'))}`)
  return keys[0]
}

function readText(scope: Scope, text: string): void {
  if (!text.startsWith('$')) return
  if (!text.startsWith('$$')) return notesField(scope, text.slice(1))
  const [variable = '', ...path] = text.slice(2).split('.')
  if (systemVariables.has(variable)) return
  if (variable !== 'ROOT' && variable !== 'CURRENT') return
  if (path.length > 0) notesField(scope, path.join('.'))
  else if (scope.own) notesAll(scope)
}

function readOperator(scope: Scope, operator: string, operand: unknown): void {
  if (data.has(operator)) return
  if (operator === '$getField') return readNamedField(scope, operand)
  if (scripts.has(operator)) administers(scope, operator)
  else if (accumulators.has(operator)) readSortBy(scope, operand)
  else if (!operators.has(operator)) throw new CannotTell(`the operator ${operator} is not known`)
  readExpression(scope, operand)
}

/** `$top` and its like order by fields of the documents. */
function readSortBy(scope: Scope, operand: unknown): void {
  if (!isDocument(operand) || !Object.hasOwn(operand, 'sortBy') || !isDocument(operand['sortBy'])) return
  for (const path of Object.keys(operand['sortBy'])) notesField(scope, path)
}

/** `$getField` names a field by a text, which may begin with a $ or hold a dot; a computed name may be any. */
function readNamedField(scope: Scope, operand: unknown): void {
  const named = isDocument(operand) && operatorOf(operand) === undefined
  const input = named ? operand['input'] : undefined
  const field = literalText(named ? operand['field'] : operand)
  if (named && Object.hasOwn(operand, 'input')) {
    // Of another object than the document: whatever that was made of is read.
    readExpression(scope, input)
    if (field === undefined) readExpression(scope, operand['field'])
    return
  }
  if (field === undefined) {
    notesAll(scope)
    readExpression(scope, named ? operand['field'] : operand)
  } else notesName(scope, field)
}

function literalText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.startsWith('$') ? undefined : value
  if (!isDocument(value)) return undefined
  const operator = operatorOf(value)
  const literal = operator === '$literal' || operator === '$const' ? value[operator] : undefined
  return typeof literal === 'string' ? literal : undefined
}
