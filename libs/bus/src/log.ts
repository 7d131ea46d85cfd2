/** The part of the logger that the bus needs; libs do not import the runtime. */
export type Log = {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
