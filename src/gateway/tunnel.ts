import { join } from 'node:path'
import type { Login } from '../identity/login.ts'
import { decideAccess } from '../policy/decide.ts'
import type { Policy } from '../policy/policy.ts'
import type { Spool } from '../recording/spool.ts'
import type { Clock } from '../shared/clock.ts'
import { asPamError, PamError, toErrorBody } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'
import type { Logger } from '../shared/logger.ts'
import type { TunnelChannel } from '../tunnel/web-socket-channel.ts'
import { credentialSource, type Accounts } from './credential-source.ts'
import type { Engine, Session } from './engine.ts'
import type { GuessBook } from './comparison-budget.ts'
import type { GatewayState } from './gateway-state.ts'
import { createSession } from './session.ts'
import type { SessionRegistry } from './session-registry.ts'
import type { OpenedSession, SharedSessions } from './shared-sessions.ts'
import type { TargetConfig } from './target.ts'

export interface TunnelParts {
  /** Address of the caller. */
  readonly from: string
  /** As configured now: a reload changes them. */
  readonly settings: () => TunnelSettings
  /** By type of target. */
  readonly protocols: ReadonlyMap<string, ServedProtocol>
  readonly state: GatewayState
  readonly registry: SessionRegistry
  readonly sharedSessions: SharedSessions
  readonly spool: Spool
  readonly digestKey: Uint8Array
  readonly guessBook: GuessBook
  readonly clock: Clock
  readonly logger: Logger
}

/** What of the configuration a tunnel depends on. */
export interface TunnelSettings {
  readonly targets: readonly TargetConfig[]
  readonly policy: Policy
  readonly limits: Session['limits'] & { readonly sessionsPerPerson: number }
  readonly recording: { readonly durability: 'buffered' | 'strict'; readonly encryptTo: readonly string[] }
  /** Where relative paths of the configuration start. */
  readonly baseDirectory: string
}

export interface ServedProtocol {
  readonly engine: Engine
  readonly target: Accounts & { defaultSchema(target: TargetConfig): string | undefined }
}

/**
 * One tunnel from the authenticated upgrade to its end: target, grant, recording, then the protocol. Every refusal
 * goes to the client in its own protocol and to the agent as a frame.
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
  try {
    if (
      target === undefined ||
      protocol === undefined ||
      engine === undefined ||
      decideAccess(settings.policy, login.person, target) === undefined
    ) {
      throw new PamError('TARGET_UNKNOWN', `no target named "${targetName}" is visible to you`, {
        hint: '"pamctl targets" lists yours',
      })
    }
    const greeting = await engine.greet(channel, login.person.id, settings.limits)
    if (greeting === 'handled') {
      // Said, so that the agent does not take it for a connection that was lost.
      channel.end()
      return channel.destroy()
    }
    greeted = true
    const { account } = greeting
    const open = (): Promise<OpenedSession> => openSession(login, target, protocol, account, parts)
    const opened =
      engine.sessions === 'per-connect'
        ? await parts.sharedSessions.join(target, sharingKey(login, account, settings.policy), open)
        : await open()
    try {
      channel.send({ v: 1, type: 'opened', id: opened.session.id })
      const stop = announceEnd(channel, opened.session, parts.clock)
      await engine.serve(channel, greeting.hello, opened.session).finally(stop)
    } catch (error) {
      opened.session.end(asPamError(error))
      throw error
    } finally {
      await opened.close()
    }
    const { code, message } = endOf(opened.session)
    channel.send({ v: 1, type: 'ended', code, message, id: opened.session.id })
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
  }
}

/** Connections that share a session are of one login and account, and nothing that the rules look at has changed in between. */
const sharingKey = (login: Login, account: string | undefined, policy: Policy): string =>
  JSON.stringify([login.id, login.person, account, policy.version])

/** Everything that must be in place before a byte goes upstream: access, grant, record, entry in the registry. */
async function openSession(
  login: Login,
  target: TargetConfig,
  protocol: ServedProtocol,
  account: string | undefined,
  parts: TunnelParts,
): Promise<OpenedSession> {
  const { clock, state, registry, spool } = parts
  const settings = parts.settings()
  const { person } = login
  const rule = decideAccess(settings.policy, person, target)
  if (rule === undefined) throw new PamError('NO_ACCESS', `no access rule grants you ${target.name}`)
  if (registry.countOf(person.id) >= settings.limits.sessionsPerPerson) {
    throw new PamError('RATE_LIMITED', `you have ${settings.limits.sessionsPerPerson} sessions open already`, {
      hint: 'close some',
    })
  }
  const credentials = credentialSource(protocol.target, target, account, rule, settings.baseDirectory)
  const grant = await state.grantFor(person, target, rule, clock.now())
  const id = newId('ses')
  const openedAt = clock.now()
  const recording = join(new Date(openedAt).toISOString().slice(0, 7), `${id}.pamrec`)
  const ended = new AbortController()
  const logger = parts.logger.child({ session: id, target: target.name })
  const lease = await credentials.lease()
  const recorder = await spool.open(
    {
      type: 'opened',
      version: 2,
      session: id,
      person: { id: person.id, label: person.label, kind: person.kind },
      target: target.name,
      protocol: target.type,
      account: lease.user,
      grant: { id: grant.id, rule: grant.rule, reason: grant.reason, endsAt: new Date(grant.endsAt).toISOString() },
      policy: settings.policy.version,
    },
    {
      file: recording,
      recipients: settings.recording.encryptTo,
      strict: (target.durability ?? settings.recording.durability) === 'strict',
      onFailure(error) {
        logger.error({ cause: (error.cause as Error | undefined)?.message }, 'recording.failed')
        ended.abort(error)
      },
    },
  )
  const session = createSession({
    id,
    login,
    target,
    config: target,
    defaultSchema: protocol.target.defaultSchema(target),
    grant,
    lease,
    recorder,
    limits: settings.limits,
    logger,
    clock,
    state,
    policy: () => parts.settings().policy,
    digestKey: parts.digestKey,
    guessBook: parts.guessBook,
    ended,
  })
  const close = async (): Promise<void> => {
    for (const stop of timers) stop()
    const { code, message } = endOf(session)
    await spool.close(recorder, { code, message })
    await lease.release()
    await state
      .sessionEnded(id, { at: clock.now(), code, message, commands: session.commands })
      .finally(() => registry.remove(id))
    // What is ours to mend has its cause in the log, under the id that the client was told.
    if (code === 'INTERNAL') logger.error({ id: endOf(session).id, cause: endOf(session).cause }, 'session.failed')
    logger.info({ code, commands: session.commands }, 'session.ended')
  }
  const timers = [
    clock.at(grant.endsAt, () => session.end(grantOver(target.name))),
    watchIdentity(login, session, parts),
  ]
  registry.add({
    id,
    personId: person.id,
    loginId: login.id,
    grantId: grant.id,
    target: target.name,
    get commands() {
      return session.commands
    },
    recent: (approvalId) => (recorder.isEncrypted ? [] : session.recent(approvalId)),
    end: (reason) => session.end(reason),
    decided: (approval) => session.decided(approval),
    held: (approvalId) => session.held(approvalId),
  })
  try {
    await state.sessionOpened({
      id,
      person,
      target: target.name,
      protocol: target.type,
      grantId: grant.id,
      loginId: login.id,
      openedAt,
      recording,
      from: parts.from,
    })
    // Whoever revoked or signed out in between did not find this session in the registry.
    if (!(await state.isGrantActive(grant.id, clock.now())))
      throw new PamError('GRANT_REVOKED', `your access to ${target.name} has ended`)
    const current = await state.login(login.id)
    if (current === undefined || current.endedAt !== undefined || current.provenUntil <= clock.now())
      throw identityLost()
  } catch (error) {
    session.end(asPamError(error))
    for (const stop of timers) stop()
    registry.remove(id)
    await state
      .sessionEnded(id, {
        at: clock.now(),
        code: asPamError(error).code,
        message: asPamError(error).message,
        commands: 0,
      })
      .catch(() => {})
    await spool.close(recorder, asPamError(error))
    throw error
  }
  logger.info({ person: person.id, grant: grant.id }, 'session.opened')
  return { session, close }
}

/** Why the session ended; where nothing else was the reason, the client had enough. */
const endOf = (session: Session): PamError =>
  (session.ended.reason as PamError | undefined) ?? new PamError('CLIENT_LEFT', 'the client closed the connection')

/** Ends the session once its identity was not proven again in time. */
function watchIdentity(login: Login, session: Session, { clock, state }: TunnelParts): () => void {
  let stop = (): void => {}
  const check = async (): Promise<void> => {
    const current = await state.login(login.id)
    if (current === undefined || current.endedAt !== undefined || current.provenUntil <= clock.now())
      session.end(identityLost())
    else arm(current.provenUntil)
  }
  const arm = (at: number): void => {
    stop = clock.at(at, () => void check().catch((error: unknown) => session.end(asPamError(error))))
  }
  arm(login.provenUntil)
  return () => stop()
}

/** Tells the agent five minutes before the end. */
function announceEnd(channel: TunnelChannel, session: Session, clock: Clock): () => void {
  const at = session.grant.endsAt - WARNING
  if (at <= clock.now()) return () => {}
  return clock.at(at, () =>
    channel.send({
      v: 1,
      type: 'notice',
      code: 'GRANT_ENDING',
      message: `access to ${session.target.name} ends in five minutes`,
      id: session.id,
    }),
  )
}

const grantOver = (target: string): PamError =>
  new PamError('GRANT_OVER', `your access to ${target} has ended`, {
    hint: `request it again: pamctl request ${target}`,
  })

const identityLost = (): PamError =>
  new PamError('IDENTITY_LOST', 'your identity could not be re-verified', { hint: 'sign in again: pamctl login' })

const WARNING = 5 * 60_000
