import { pause } from '../../../shared/pause.ts'
import { ChangeLog, type Cause, type Change, type Touches } from './change-log.ts'

/** A statement that was sent, and that the server may not have analysed yet. */
export interface Unanalysed {
  /** The unqualified names of everything that it rests on. */
  readonly names: ReadonlySet<string>
  /** A new rule may turn it into another statement, whatever names it rests on. */
  readonly byRules: boolean
  /** When it was sent, by `performance.now()`. */
  readonly since: number
  /** Another message of the session precedes it: it certainly has not been analysed. */
  readonly waits: boolean
}

/** The parts of a change that statements of other sessions may depend on. */
type Settled = Pick<Change, 'touches' | 'makesRules'>

/** A session as the others of its database see it. */
export interface Participant {
  unanalysed(): readonly Unanalysed[]
  /** Resolves when an answer of the target has been handled, or the session has ended. */
  nextAnswer(): Promise<void>
  /** The process id of its backend; undefined if the target reports none. */
  readonly processId: number | undefined
  /** Whether decisions about its statements may depend on definitions. */
  readonly dependsOnDefinitions: boolean
  cancelRunning(): Promise<void>
  /** Ends the session: nothing that was decided in it may run any longer. */
  overtaken(): void
}

/** A change of definitions that is becoming visible to others: it was sent, and is not answered yet. */
export interface Publication {
  readonly by: Participant
  readonly change: Change
  readonly waitFor: boolean
  /** Resolves when it is answered, or the session has ended. */
  readonly over: Promise<void>
  finish(): void
}

/**
 * The definitions of one database, as its sessions change them. A change becomes visible when the server performs it, at some time between
 * sending it and reading its answer. So both ends are guarded: a session that decides about something that a change touches waits until it
 * is answered, and a change is sent only after the server has analysed what other sessions sent before.
 */
export class SharedDefinitions extends ChangeLog {
  readonly #sessions = new Set<Participant>()
  readonly #publications = new Set<Publication>()

  /** Whether decisions of any session depend on definitions. */
  get areReliedOn(): boolean {
    for (const session of this.#sessions) if (session.dependsOnDefinitions) return true
    return false
  }

  join(session: Participant): void {
    this.#sessions.add(session)
  }

  leave(session: Participant): void {
    this.#sessions.delete(session)
    for (const publication of this.#publications) if (publication.by === session) publication.finish()
  }

  /**
   * `waitFor`: whether others wait for its end; code of unknown effect may take any time, and change nothing. `cause`: the message whose
   * answer ends it.
   */
  publish(by: Participant, change: Change, waitFor = true, cause?: Cause): Publication {
    const note = (): void => this.note(change.renews, change.by, cause, change.makesRules)
    note()
    let resolve!: () => void
    const over = new Promise<void>((done) => (resolve = done))
    const publication: Publication = {
      by,
      change,
      waitFor,
      over,
      finish: () => {
        if (!this.#publications.delete(publication)) return
        note()
        resolve()
      },
    }
    this.#publications.add(publication)
    return publication
  }

  /** Changes of other sessions that are in flight and may concern these names. */
  othersTouching(session: Participant, names: ReadonlySet<string>): Publication[] {
    if (this.#publications.size === 0) return []
    return [...this.#publications].filter(
      ({ by, change, waitFor }) => waitFor && by !== session && concerns(change.touches, names),
    )
  }

  /** Changes of other sessions that are in flight and create rules. */
  othersMakingRules(session: Participant): Publication[] {
    return [...this.#publications].filter(({ by, change }) => by !== session && change.makesRules)
  }

  /** Whether no change is in flight. */
  get isQuiet(): boolean {
    return this.#publications.size === 0
  }

  /** Whether another session is running something that may change definitions at any moment: every reading is old at once. */
  mayChangeNow(session: Participant): boolean {
    if (this.#publications.size === 0) return false
    // An unresolved statement only concerns sessions whose decisions depend on definitions.
    for (const { by, waitFor, change } of this.#publications)
      if (!waitFor && by !== session && (change.by !== 'unread' || session.dependsOnDefinitions)) return true
    return false
  }

  /** The sessions with statements that a change may overtake. */
  #overtaken(by: Participant, { touches, makesRules }: Settled): Map<Participant, readonly Unanalysed[]> {
    const behind = new Map<Participant, readonly Unanalysed[]>()
    for (const session of this.#sessions) {
      if (session === by) continue
      const concerned = session
        .unanalysed()
        .filter(({ names, byRules }) => (makesRules && byRules) || concerns(touches, names))
      if (concerned.length > 0) behind.set(session, concerned)
    }
    return behind
  }

  /**
   * Resolves when no statement of another session is in flight that was decided with the previous definitions: each was answered, or has
   * run long enough to have been analysed. A statement that waits for the lock of a relation, or for another of its session, has not been
   * analysed: the change waits for it. If it in turn waits for the session that makes the change, both would wait forever, so it is
   * cancelled; so is any that does not end within `EARLIER_STATEMENTS_WAIT_MS`. If others keep sending statements, one is always in flight: `announce` makes
   * later decisions wait. `waitsOf`: what these backends wait for, if known. Undefined: there is nothing to wait for.
   */
  settle(by: Participant, change: Settled, waitsOf: WaitsOf, announce: () => void): Promise<void> | undefined {
    return this.#overtaken(by, change).size === 0 ? undefined : this.#settle(by, change, waitsOf, announce)
  }

  async #settle(by: Participant, change: Settled, waitsOf: WaitsOf, announce: () => void): Promise<void> {
    const began = performance.now()
    let isAnnounced = false
    let cancelledAt: number | undefined
    for (;;) {
      const behind = this.#overtaken(by, change)
      const now = performance.now()
      const young = [...behind].filter(([, sent]) => sent.some(({ since }) => now - since < ANALYSED_AFTER_MS))
      if (young.length > 0) {
        if (!isAnnounced && now - began > ANNOUNCED_AFTER_MS) {
          isAnnounced = true
          announce()
        }
        await firstOf([
          ...young.map(([session]) => session.nextAnswer()),
          pause(ANALYSED_AFTER_MS, { keepsAlive: false }),
        ])
        continue
      }
      const pids = [...behind.keys()].flatMap(({ processId }) => processId ?? [])
      const waits = pids.length === 0 ? new Map<number, Wait>() : await waitsOf(pids)
      const waitOf = ({ processId }: Participant): Wait | undefined =>
        processId === undefined ? undefined : (waits ?? UNKNOWN_WAITS).get(processId)
      const late = [...behind].filter(
        ([session, sent]) => waits === undefined || sent.some((one) => one.waits) || waitOf(session)?.relation === true,
      )
      if (late.length === 0) return
      const isLong = now - began > EARLIER_STATEMENTS_WAIT_MS
      const stuck = late.filter(([session]) => isLong || waitOf(session)?.here === true)
      if (stuck.length > 0) {
        cancelledAt ??= now
        const isOverdue = now - cancelledAt > CANCELLED_AFTER_MS
        for (const [session] of stuck) {
          if (isOverdue) session.overtaken()
          else await session.cancelRunning()
        }
        if (isOverdue && stuck.length === late.length) return
      }
      await firstOf([...late.map(([session]) => session.nextAnswer()), pause(ANALYSED_AFTER_MS, { keepsAlive: false })])
    }
  }
}

/** What a backend waits for: the lock of a relation; the backend that asks, directly or indirectly. */
export interface Wait {
  readonly relation: boolean
  readonly here: boolean
}

/** By backend; undefined if the target cannot be asked. */
export type WaitsOf = (pids: readonly number[]) => Promise<ReadonlyMap<number, Wait> | undefined>

const UNKNOWN_WAITS: ReadonlyMap<number, Wait> = new Map()

const concerns = (touches: Touches, names: ReadonlySet<string>): boolean => {
  if (touches === 'anything') return names.size > 0
  for (const name of touches) if (names.has(name)) return true
  return false
}

const firstOf = (promises: readonly Promise<void>[]): Promise<void> => Promise.race(promises)

/** Milliseconds after which a backend that waits for no lock has analysed what it was sent. */
const ANALYSED_AFTER_MS = 100
/** Milliseconds after which new statements of others wait for a change. */
const ANNOUNCED_AFTER_MS = 300
/** Milliseconds for which a change waits for what was sent before it. */
const EARLIER_STATEMENTS_WAIT_MS = 10_000
/** Milliseconds within which cancelled statements must end. */
const CANCELLED_AFTER_MS = 2000
