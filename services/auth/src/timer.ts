// Work that is done again and again while the service runs.

type TimerLog = { error(fields: object, message: string): void }

/** Does the work every so often until disposed; a failure is logged and tried again the next time. */
export function every(periodMs: number, work: () => Promise<void>, log: TimerLog): Disposable {
  const timer = setInterval(() => {
    work().catch((error: unknown) => log.error({ err: error }, 'periodic work'))
  }, periodMs)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
