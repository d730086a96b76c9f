import type { TunnelChannel } from '../tunnel/web-socket-channel.ts'
import type { Hold, Session } from './engine.ts'

/**
 * The session of one connection, whose agent is told beside the bytes which approval a held command waits for, once that can be looked up
 * (`HOLD_FILED`), and when the command waits no longer (`HOLD_SETTLED`). What is said in the bytes themselves a target could say as well.
 */
export function announceHolds(channel: Pick<TunnelChannel, 'send'>, session: Session): Session {
  const send = (code: 'HOLD_FILED' | 'HOLD_SETTLED', { approval }: Hold): void =>
    channel.send({ v: 1, type: 'notice', code, id: session.id, approval })
  const announce = async (hold: Hold): Promise<void> => {
    if (!(await hold.filed)) return
    send('HOLD_FILED', hold)
    await hold.verdict
    send('HOLD_SETTLED', hold)
  }
  return {
    ...session,
    decide(draft) {
      const decision = session.decide(draft)
      if (decision.type === 'hold') void announce(decision)
      return decision
    },
  }
}
