/** Something about this machine stops the product from starting. The message says what, why and what to do; no stack is needed. */
export class SetupError extends Error {
  override name = 'SetupError'
}
