import type { Login } from '../identity/login.ts'
import type { Clock } from '../shared/clock.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import { requestCommand } from '../shared/request-command.ts'
import type { Session } from './engine.ts'
import type { GatewayState } from './gateway-state.ts'
import type { TunnelParts } from './tunnel-parts.ts'

/** When a session ends by its grant; `moved` hears of a later end. */
export interface Term {
  endsAt: number
  moved: () => void
}

interface Watched {
  readonly term: Term
  readonly login: Login
  readonly target: { readonly name: string }
}

/** Ends the session when its grant ends, and when its identity was not verified again in time. The returned function stops both timers. */
export function watchTerm(
  { term, target, login }: Watched,
  session: Pick<Session, 'end'>,
  { clock, state }: Pick<TunnelParts, 'clock' | 'state'>,
): () => void {
  let stopGrant = (): void => {}
  term.moved = () => {
    stopGrant()
    stopGrant = clock.at(term.endsAt, () => session.end(grantOver(target.name)))
  }
  term.moved()
  let stopIdentity = (): void => {}
  let isStopped = false
  const check = async (): Promise<void> => {
    const current = await provenLogin(login, state, clock)
    if (current === undefined) session.end(identityLost())
    else if (!isStopped) arm(current.provenUntil)
  }
  const arm = (at: number): void => {
    stopIdentity = clock.at(at, () => void check().catch((error: unknown) => session.end(asPamError(error))))
  }
  arm(login.provenUntil)
  return () => {
    isStopped = true
    term.moved = () => {}
    stopGrant()
    stopIdentity()
  }
}

/** The current login; undefined where it has ended, or its identity has not been verified in time. */
export async function provenLogin(
  { id }: Login,
  state: Pick<GatewayState, 'login'>,
  clock: Pick<Clock, 'now'>,
): Promise<Login | undefined> {
  const current = await state.login(id)
  return current === undefined || current.endedAt !== undefined || current.provenUntil <= clock.now()
    ? undefined
    : current
}

export const grantOver = (target: string): PamError =>
  new PamError('GRANT_OVER', `your access to ${target} has ended`, {
    hint: `request it again: ${requestCommand(target)}`,
  })

export const identityLost = (): PamError =>
  new PamError('IDENTITY_LOST', 'your identity could not be re-verified', { hint: 'sign in again: pamctl login' })
