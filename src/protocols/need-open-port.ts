import type { Target } from '../api/schemas/access.ts'
import type { ListenerInfo } from './client-half.ts'

/** Fails for a client that is started without the port that its protocol listens on: a mistake of ours. */
export function needOpenPort(listener: ListenerInfo | undefined, target: Target): asserts listener is ListenerInfo {
  if (listener === undefined) throw new Error(`a client of ${target.type} needs an open port`)
}
