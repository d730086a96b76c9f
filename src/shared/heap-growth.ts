import { setFlagsFromString } from 'node:v8'

/**
 * How much may be added to what is in use, in per cent, before V8 looks through the whole heap again. What passes through a process
 * is memory beside its heap, and V8 lets 16 MB of it pass before it does: a quarter of an agent's time while much passes, and
 * two thirds of a gateway's that has run for a while. V8 reads it at each collection; a version that does not know it says so on
 * stderr and goes on.
 */
export function letHeapGrow(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`)
}
