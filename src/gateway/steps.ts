/**
 * The handling of one message, as a generator: it yields a promise to wait for and resumes with its value. Without one it completes in the
 * same turn. One loop (`ClientSide`) runs it, and decides after each wait whether to continue.
 */
export type Steps<T = void> = Generator<PromiseLike<unknown>, T, unknown>

/** The value, awaited where it is a promise. */
export function* settledValue<T>(value: T | Promise<T>): Steps<T> {
  return value instanceof Promise ? ((yield value) as T) : value
}
