import type { CommandDraft, Session } from '../../../gateway/engine.ts'
import { isEmptyPlan } from '../../../masking/plan.ts'
import { PamError } from '../../../shared/errors.ts'
import type { Exchange } from '../server/exchange.ts'
import { readBodyIfShort, type BodyLimits } from '../server/read-body.ts'
import type { HttpCommand } from './read-command.ts'

/**
 * The messages of a call of gRPC, where somebody is to be asked about it: they are read to their end first, so that what is approved is all that will be
 * sent. Undefined for any other, whose messages go both ways for as long as it lasts, and where they do not end in time, or within `maxBytes`: nobody can
 * be asked about that one. `draft`: the call without its messages.
 */
export async function heldMessages(
  exchange: Exchange,
  draft: CommandDraft,
  session: Pick<Session, 'denies'>,
  limits: Omit<BodyLimits, 'maxMs'>,
): Promise<Buffer | undefined> {
  // Neither allowed nor denied.
  const isHeld = session.denies(draft) && !session.denies({ ...draft, tooLarge: undefined })
  if (!isHeld) return undefined
  try {
    return await readBodyIfShort(exchange, { ...limits, maxMs: HELD_TIMEOUT_MS })
  } catch (error) {
    if (error instanceof PamError && error.code === 'HANDSHAKE_TIMEOUT') return undefined
    throw error
  }
}

/** What its messages say is not known, so nothing of them can be hidden. */
export const unlessMasked = (call: HttpCommand, { masking }: Pick<Session, 'masking'>): HttpCommand =>
  call.refusal !== undefined || isEmptyPlan(masking)
    ? call
    : {
        ...call,
        refusal: new PamError('MASKING_REFUSED', 'values are masked here, which is not supported in messages of gRPC'),
      }

/** Clients of unary calls send all of it at once. */
const HELD_TIMEOUT_MS = 20_000
