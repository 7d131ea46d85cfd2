// What a program says of itself, as short as people know it.

/** In order: many programs name those they are like. */
const PROGRAMS: [RegExp, string][] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\bHeadlessChrome\//, 'Chrome without a window'],
  [/\b(?:Chrome|CriOS)\//, 'Chrome'],
  [/\bVersion\/\S+.*\bSafari\//, 'Safari'],
  [/^curl\//, 'curl'],
]
const SYSTEMS: [RegExp, string][] = [
  [/\b(?:iPhone|iPad|iPod)\b/, 'iOS'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
]
const LONGEST = 60

/** “Firefox on Linux”; what is not known stays as it is. */
export function programName(userAgent: string | null): string {
  if (userAgent === null || userAgent === '') return 'Not told'
  const find = (known: [RegExp, string][]) => known.find(([pattern]) => pattern.test(userAgent))?.[1]
  const [program, system] = [find(PROGRAMS), find(SYSTEMS)]
  if (program === undefined) return userAgent.length > LONGEST ? `${userAgent.slice(0, LONGEST)}…` : userAgent
  return system === undefined ? program : `${program} on ${system}`
}
