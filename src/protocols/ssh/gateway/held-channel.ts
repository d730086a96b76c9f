import type { Duplex } from 'node:stream'
import type { Hold, Verdict } from '../../../gateway/engine.ts'

export interface Decided {
  readonly verdict: Verdict
  /** What was typed until then: the command gets it first. */
  readonly typed: Buffer
}

/**
 * A channel whose command is held: nothing of it has gone anywhere. Leaving withdraws it; so does Ctrl-C on a terminal, where what
 * else is typed is kept for the command. The input may have ended by then, and a stream takes nothing back after its end.
 */
export async function untilDecided(
  hold: Pick<Hold, 'verdict' | 'withdraw'>,
  client: Duplex,
  hasTerminal: boolean,
): Promise<Decided> {
  if (!client.writable) hold.withdraw()
  if (!hasTerminal) return { verdict: await hold.verdict, typed: NOTHING }
  const typed: Buffer[] = []
  let typedBytes = 0
  const listen = (bytes: Buffer): void => {
    if (bytes.includes(INTERRUPT)) return hold.withdraw()
    typed.push(bytes)
    typedBytes += bytes.length
    if (typedBytes > MAX_TYPED_BYTES) client.pause()
  }
  client.on('data', listen)
  const verdict = await hold.verdict
  client.removeListener('data', listen)
  client.pause()
  return { verdict, typed: Buffer.concat(typed) }
}

const NOTHING = Buffer.alloc(0)
/** What Ctrl-C sends. */
const INTERRUPT = 0x03
/** Typed while a command is held. */
const MAX_TYPED_BYTES = 64 * 1024
