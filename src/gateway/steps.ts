/**
 * What becomes of one message, as a generator: it yields what it has to wait for, and goes on with the answer. What has
 * nothing to wait for is done in the same turn. One loop performs it (`ClientSide`), and decides there whether it still goes on.
 */
export type Steps<T = void> = Generator<PromiseLike<unknown>, T, unknown>

/** The value; where it is still to come, it is waited for. */
export function* settledValue<T>(value: T | Promise<T>): Steps<T> {
  return value instanceof Promise ? ((yield value) as T) : value
}
