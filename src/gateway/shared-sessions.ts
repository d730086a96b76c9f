import { setMaxListeners } from 'node:events'
import type { Clock } from '../shared/clock.ts'
import { PamError } from '../shared/errors.ts'
import type { OutlivedSession, Session } from './engine.ts'

export interface OpenedSession {
  readonly session: Session
  close(): Promise<void>
}

/**
 * Sessions of several native connections each, for protocols whose clients open many. The first connection opens the session, others join
 * it, and it ends a while after the last one has left: such clients connect again for every request.
 */
export class SharedSessions {
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  /** Keyed by the target's configuration, so that nobody joins a session opened before a reload. */
  readonly #byTarget = new WeakMap<object, Map<string, Promise<SharedSession>>>()

  /** `failed` is called with errors of closing a session, which no caller awaits. */
  constructor(clock: Clock, failed: (error: unknown) => void) {
    this.#clock = clock
    this.#failed = failed
  }

  /**
   * Joins the session of this key, or opens it. Closing what this returns leaves the session, which waits for `idleMs` milliseconds for another
   * connection.
   */
  async join(
    target: object,
    key: string,
    open: () => Promise<OpenedSession>,
    idleMs: number = IDLE_MS,
  ): Promise<OpenedSession> {
    const sessions = this.#byTarget.get(target) ?? new Map<string, Promise<SharedSession>>()
    this.#byTarget.set(target, sessions)
    for (;;) {
      const known = sessions.get(key)
      const shared = known ?? this.#open(sessions, key, open)
      const session = await shared
      // Where a session ended while it was being opened, its reason is thrown: the next one would end the same way.
      if (known === undefined || !session.hasEnded) return session.join(idleMs)
      if (sessions.get(key) === shared) sessions.delete(key)
    }
  }

  /** Registered at once, so that connections that arrive meanwhile wait for it; removed when it is closed or could not be opened. */
  #open(
    sessions: Map<string, Promise<SharedSession>>,
    key: string,
    open: () => Promise<OpenedSession>,
  ): Promise<SharedSession> {
    const forget = (): void => {
      if (sessions.get(key) === shared) sessions.delete(key)
    }
    const shared = open().then(
      (opened) => new SharedSession(opened, this.#clock, this.#failed, forget),
      (error: unknown) => {
        forget()
        throw error
      },
    )
    sessions.set(key, shared)
    return shared
  }

  /** How many sessions of a target are open here. */
  countOf(target: object): number {
    return this.#byTarget.get(target)?.size ?? 0
  }
}

class SharedSession {
  readonly #opened: OpenedSession
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  readonly #forget: () => void
  #connections = 0
  #closed: Promise<void> | undefined
  #stopWaiting = (): void => {}

  constructor(opened: OpenedSession, clock: Clock, failed: (error: unknown) => void, forget: () => void) {
    this.#opened = opened
    this.#clock = clock
    this.#failed = failed
    this.#forget = forget
    // Every connection and every held command adds a listener for the end.
    setMaxListeners(0, opened.session.ended)
    // Nobody else closes it while nobody is connected.
    opened.session.ended.addEventListener('abort', () => {
      if (this.#connections === 0) this.#close().catch(failed)
    })
  }

  get hasEnded(): boolean {
    return this.#closed !== undefined || this.#opened.session.ended.aborted
  }

  join(idleMs: number): OpenedSession {
    if (this.#connections >= MAX_CONNECTIONS) {
      throw new PamError('RATE_LIMITED', `this session has ${MAX_CONNECTIONS} connections already`, {
        hint: 'close one of them first',
      })
    }
    this.#connections++
    this.#stopWaiting()
    const { session, leave } = connectionOf(this.#opened.session)
    return {
      session: { ...session, outlive: () => this.#outlive(idleMs) },
      close: async () => {
        leave()
        if (--this.#connections > 0) return
        if (this.#opened.session.ended.aborted) return this.#close()
        this.#stopWaiting = this.#clock.at(this.#clock.now() + idleMs, () => {
          this.#close().catch(this.#failed)
        })
      },
    }
  }

  /** As another connection would keep it open. */
  #outlive(idleMs: number): OutlivedSession {
    const joined = this.join(idleMs)
    let isReleased = false
    return {
      session: this.#opened.session,
      release: () => {
        if (isReleased) return
        isReleased = true
        joined.close().catch(this.#failed)
      },
    }
  }

  #close(): Promise<void> {
    this.#stopWaiting()
    this.#forget()
    this.#closed ??= this.#opened.close()
    return this.#closed
  }
}

/** The session as one of its connections sees it: `ended` and `end` are the connection's, and its end withdraws the commands held for it. */
function connectionOf(session: Session): { session: Session; leave: () => void } {
  const ended = new AbortController()
  setMaxListeners(0, ended.signal)
  const follow = (): void => ended.abort(session.ended.reason)
  session.ended.addEventListener('abort', follow, { once: true })
  if (session.ended.aborted) follow()
  return {
    session: {
      ...session,
      ended: ended.signal,
      end: (reason) => ended.abort(reason),
      // Otherwise it would look at the end of the session, and not of the connection.
      repeated: () => undefined,
      decide(command) {
        if (ended.signal.aborted) return { type: 'refuse', id: '', error: ended.signal.reason as PamError }
        const decision = session.decide(command)
        if (decision.type !== 'hold') return decision
        const withdraw = (): void => decision.withdraw()
        ended.signal.addEventListener('abort', withdraw, { once: true })
        const verdict = decision.verdict.finally(() => ended.signal.removeEventListener('abort', withdraw))
        return { ...decision, verdict }
      },
    },
    leave: () => session.ended.removeEventListener('abort', follow),
  }
}

/** Milliseconds that a session without connections stays open, where nobody says otherwise. */
const IDLE_MS = 60_000
const MAX_CONNECTIONS = 256
