import { createHash } from 'node:crypto'

/**
 * The local port that a target usually has on everybody's machine, so that clients can keep it in their settings: 20000 to 31999, below the range that systems
 * hand out for outgoing connections.
 */
export function usualPort(target: string): number {
  return 20_000 + (createHash('sha256').update(target).digest().readUInt32BE() % 12_000)
}
