import type { CommandDraft, Hold, OutlivedSession, Session, Verdict } from '../../../gateway/engine.ts'
import { whenFiled, whileHeld } from '../../../gateway/when-filed.ts'
import { anySignal } from '../../../shared/any-signal.ts'
import type { Exchange } from '../server/exchange.ts'
import { verdictOn } from '../session/verdict-on.ts'
import type { HttpTarget } from '../target.ts'
import type { AsyncRequests } from './async-requests.ts'

/** A held request that nobody has decided on within the time that its client waits. */
export interface Deferred {
  readonly hold: Hold
  readonly outlived: OutlivedSession<HttpTarget>
  /** Where it goes on. */
  readonly asyncRequests: AsyncRequests
}

/** The session as such, together with what else is given back when it is released; that is given back at once where there is none. */
export function outliving(
  session: Pick<Session<HttpTarget>, 'outlive'>,
  giveBack: () => void,
): OutlivedSession<HttpTarget> | undefined {
  let outlived: OutlivedSession<HttpTarget> | undefined
  try {
    outlived = session.outlive?.()
  } finally {
    if (outlived === undefined) giveBack()
  }
  if (outlived === undefined) return undefined
  const { session: whole, release } = outlived
  return {
    session: whole,
    release() {
      release()
      giveBack()
    },
  }
}

/**
 * Decides on a request whose client waits for people no longer than this, in milliseconds: by the session as such, since what is held by a connection is withdrawn with it.
 */
export async function decideAsync(
  draft: CommandDraft,
  outlived: OutlivedSession<HttpTarget>,
  exchange: Exchange,
  how: AsyncDecision,
): Promise<{ readonly verdict: Verdict; readonly approval: string | undefined } | Deferred> {
  let isDeferred = false
  try {
    const decided = await decideWithin(draft, outlived, exchange, how)
    isDeferred = 'hold' in decided
    return decided
  } finally {
    if (!isDeferred) outlived.release()
  }
}

async function decideWithin(
  draft: CommandDraft,
  outlived: OutlivedSession<HttpTarget>,
  exchange: Exchange,
  { asyncRequests, waitMs, ended, tell }: AsyncDecision,
): ReturnType<typeof decideAsync> {
  const decision = outlived.session.decide(draft)
  if (decision.type !== 'hold') return { verdict: decision, approval: undefined }
  // Until it is told how to ask for its answer, a client that leaves takes its request back.
  const { signal, release } = anySignal([exchange.left, ended])
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    // The approval that it is told to ask about can be looked up only once it is filed.
    timer = setTimeout(() => void whenFiled(decision, () => resolve(undefined)), waitMs)
  })
  const verdict = await Promise.race([
    whileHeld(decision, () => tell(decision, false), verdictOn(decision, signal)),
    late,
  ])
  clearTimeout(timer)
  release()
  if (verdict === undefined && !exchange.left.aborted) return { hold: decision, outlived, asyncRequests }
  return { verdict: verdict ?? (await verdictOn(decision, exchange.left)), approval: decision.approval }
}

export interface AsyncDecision {
  readonly asyncRequests: AsyncRequests
  readonly waitMs: number
  /** The end of the connection. */
  readonly ended: AbortSignal
  readonly tell: (hold: Hold, isAwaited: boolean) => void
}
