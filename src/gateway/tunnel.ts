import type { Login } from '../identity/login.ts'
import { isVisible } from '../policy/decide.ts'
import type { Policy } from '../policy/policy.ts'
import type { Clock } from '../shared/clock.ts'
import { asPamError, PamError, toErrorBody } from '../shared/errors.ts'
import type { TunnelChannel } from '../tunnel/web-socket-channel.ts'
import { announceHolds } from './announce-holds.ts'
import type { Session } from './engine.ts'
import { endOf, openSession } from './open-session.ts'
import type { TunnelParts } from './tunnel-parts.ts'
import type { OpenedSession } from './shared-sessions.ts'

/**
 * Serves one tunnel from the authenticated upgrade to its end: target, grant, recording, then the protocol. A refusal goes to the client in
 * its own protocol, and to the agent as a frame.
 */
export async function serveTunnel(
  channel: TunnelChannel,
  login: Login,
  targetName: string,
  parts: TunnelParts,
): Promise<void> {
  const settings = parts.settings()
  const target = settings.targets.find(({ name }) => name === targetName)
  const protocol = target && parts.protocols.get(target.type)
  const engine = protocol?.engine
  let greeted = false
  let ending: Promise<void> | undefined
  try {
    if (
      target === undefined ||
      protocol === undefined ||
      engine === undefined ||
      !isVisible(settings.policy, login.person, target)
    ) {
      throw new PamError('TARGET_UNKNOWN', `no target named "${targetName}" is visible to you`, {
        hint: '"pamctl targets" lists yours',
      })
    }
    const greeting = await engine.greet(channel, { personId: login.person.id, target }, settings.limits)
    if (greeting === 'handled') {
      // Otherwise the agent would take this for a lost connection.
      channel.end()
      return channel.destroy()
    }
    greeted = true
    const { account } = greeting
    const open = (): Promise<OpenedSession> => openSession({ login, target, protocol, account }, parts)
    const opened =
      engine.sessions === 'per-connect'
        ? await parts.sharedSessions.join(
            target,
            sharingKey(login, account, settings.policy, await breakGlassId(login, target, parts)),
            open,
          )
        : await open()
    try {
      channel.send({ v: 1, type: 'opened', id: opened.session.id })
      const stop = announceEnd(channel, opened.session, parts.clock)
      const tell = (message: string): void =>
        channel.send({ v: 1, type: 'notice', code: 'HELD', message, id: opened.session.id })
      await engine.serve(channel, greeting.hello, announceHolds(channel, opened.session), tell).finally(stop)
    } catch (error) {
      opened.session.end(asPamError(error))
      throw error
    } finally {
      ending = opened.close()
      // Both ends are told before the record is sealed; nothing waits for that.
      ending.catch((error: unknown) =>
        parts.logger.error({ session: opened.session.id, cause: error }, 'session.close_failed'),
      )
    }
    const { code, message, hint } = endOf(opened.session)
    const { id } = opened.session
    channel.send({ v: 1, type: 'ended', code, message, id, ...(hint === undefined ? {} : { hint }) })
    channel.destroy()
  } catch (error) {
    const refusal = asPamError(error)
    if (refusal.code === 'INTERNAL') parts.logger.error({ id: refusal.id, cause: refusal.cause }, 'tunnel.failed')
    else
      parts.logger.info(
        {
          code: refusal.code,
          person: login.person.id,
          target: targetName,
          cause: (refusal.cause as Error | undefined)?.message,
        },
        'tunnel.refused',
      )
    if (refusal.code !== 'CLIENT_LEFT')
      await parts.state.accessRefused(login.person, targetName, refusal, parts.clock.now()).catch(() => {})
    channel.send({ v: 1, type: 'ended', ...toErrorBody(refusal) })
    if (greeted && engine !== undefined) await engine.refuse(channel, refusal)
    channel.destroy()
  } finally {
    await ending?.catch(() => {})
  }
}

/**
 * Connections share a session only with the same login and account, under the same access that was taken in an emergency, if any, and if nothing
 * has changed that rules look at.
 */
export const sharingKey = (
  login: Login,
  account: string | undefined,
  policy: Policy,
  breakGlass: string | undefined,
): string => JSON.stringify([login.id, login.person, account, policy.version, breakGlass])

/** The grant that this person has taken in an emergency, if any. */
export const breakGlassId = async (
  { person }: Login,
  target: { readonly name: string },
  { state, clock }: Pick<TunnelParts, 'state' | 'clock'>,
): Promise<string | undefined> => (await state.breakGlassFor(person.id, target.name, clock.now()))?.id

/** Tells the agent five minutes before the end; where the grant was extended meanwhile, before the later one. */
function announceEnd(channel: TunnelChannel, session: Session, clock: Clock): () => void {
  let stop = (): void => {}
  const arm = (): void => {
    const at = session.endsAt() - WARN_AHEAD_MS
    if (at > clock.now()) stop = clock.at(at, tell)
  }
  const tell = (): void => {
    if (session.endsAt() - WARN_AHEAD_MS > clock.now()) return arm()
    channel.send({
      v: 1,
      type: 'notice',
      code: 'GRANT_ENDING',
      message: `access to ${session.target.name} ends in five minutes; for more time: pamctl extend ${session.target.name}`,
      id: session.id,
    })
  }
  arm()
  return () => stop()
}

const WARN_AHEAD_MS = 5 * 60_000
