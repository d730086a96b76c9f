import type { Login } from '../identity/login.ts'
import { isVisible } from '../policy/decide.ts'
import type { Policy } from '../policy/policy.ts'
import type { Clock } from '../shared/clock.ts'
import { asPamError, PamError, toErrorBody } from '../shared/errors.ts'
import type { TunnelChannel } from '../tunnel/web-socket-channel.ts'
import { announceHolds } from './announce-holds.ts'
import type { Engine, Session } from './engine.ts'
import { endOf, openSession } from './open-session.ts'
import type { TunnelParts, TunnelSettings, Wanted } from './tunnel-parts.ts'
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
  let greeted: Engine | undefined
  let closed: Promise<void> | undefined
  try {
    const settings = parts.settings()
    const { target, protocol } = targetFor(login, targetName, settings, parts)
    const { engine } = protocol
    const greeting = await engine.greet(channel, { personId: login.person.id, target }, settings.limits)
    if (greeting === 'handled') {
      // Otherwise the agent would take this for a lost connection.
      channel.end()
      return channel.destroy()
    }
    greeted = engine
    const opened = await openFor({ login, target, protocol, account: greeting.account }, settings.policy, parts)
    try {
      await serveOpened(channel, engine, greeting.hello, opened.session, parts.clock)
    } catch (error) {
      opened.session.end(asPamError(error))
      throw error
    } finally {
      closed = opened.close()
      // Both ends are told before the record is sealed; nothing waits for that.
      closed.catch((error: unknown) =>
        parts.logger.error({ session: opened.session.id, cause: error }, 'session.close_failed'),
      )
    }
    const { id } = opened.session
    const { code, message, hint } = endOf(opened.session)
    channel.send({ v: 1, type: 'ended', code, message, id, ...(hint === undefined ? {} : { hint }) })
    channel.destroy()
  } catch (error) {
    const refusal = asPamError(error)
    await noteRefusal(refusal, login, targetName, parts)
    channel.send({ v: 1, type: 'ended', ...toErrorBody(refusal) })
    await greeted?.refuse(channel, refusal)
    channel.destroy()
  } finally {
    await closed?.catch(() => {})
  }
}

/** What is not there, and what this person may not see, is refused in the same words. */
function targetFor(
  { person }: Login,
  name: string,
  { targets, policy }: TunnelSettings,
  { protocols }: TunnelParts,
): Pick<Wanted, 'target' | 'protocol'> {
  const target = targets.find((one) => one.name === name)
  const protocol = target && protocols.get(target.type)
  if (target !== undefined && protocol !== undefined && isVisible(policy, person, target)) return { target, protocol }
  throw new PamError('TARGET_UNKNOWN', `no target named "${name}" is visible to you`, {
    hint: '"pamctl targets" lists yours',
  })
}

/** A session of this connection alone, or one that it shares. */
async function openFor(wanted: Wanted, policy: Policy, parts: TunnelParts): Promise<OpenedSession> {
  const { login, target, protocol, account } = wanted
  const open = (): Promise<OpenedSession> => openSession(wanted, parts)
  if (protocol.engine.sessions !== 'per-connect') return open()
  const breakGlass = await breakGlassId(login, target, parts)
  return parts.sharedSessions.join(target, sharingKey(login, account, policy, breakGlass), open)
}

/** Resolves when client or target has left; the agent is told what happens to the session meanwhile. */
async function serveOpened(
  channel: TunnelChannel,
  engine: Engine,
  hello: unknown,
  session: Session,
  clock: Clock,
): Promise<void> {
  channel.send({ v: 1, type: 'opened', id: session.id })
  const stop = announceEnd(channel, session, clock)
  const tell = (message: string): void => channel.send({ v: 1, type: 'notice', code: 'HELD', message, id: session.id })
  await engine.serve(channel, hello, announceHolds(channel, session), tell).finally(stop)
}

/** In the log, and in the audit chain unless the client left by itself. */
async function noteRefusal(
  refusal: PamError,
  { person }: Login,
  target: string,
  { logger, state, clock }: TunnelParts,
): Promise<void> {
  const { code, id, cause } = refusal
  if (code === 'INTERNAL') logger.error({ id, cause }, 'tunnel.failed')
  else logger.info({ code, person: person.id, target, cause: (cause as Error | undefined)?.message }, 'tunnel.refused')
  if (code === 'CLIENT_LEFT') return
  await state
    .accessRefused(person, target, refusal, clock.now())
    .catch((failure: unknown) => logger.error({ cause: failure }, 'refusal.audit_failed'))
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
