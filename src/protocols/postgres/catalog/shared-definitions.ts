import { pause } from '../../../shared/pause.ts'
import { ChangeLog, type Cause, type Change, type Touches } from './change-log.ts'

/** A statement that was sent, and that the server may not have analysed yet. */
export interface Unanalysed {
  /** Last names of all that it rests on. */
  readonly names: ReadonlySet<string>
  /** A rule that is made may make another statement of it, whatever names it rests on. */
  readonly byRules: boolean
  /** When it was sent, by `performance.now()`. */
  readonly since: number
  /** Something else of the session's comes first: it is certain that it was not analysed. */
  readonly waits: boolean
}

/** What of a change statements of others may be behind. */
type Settled = Pick<Change, 'touches' | 'makesRules'>

/** A session as the others of its database see it. */
export interface Participant {
  unanalysed(): readonly Unanalysed[]
  /** Resolves when an answer of the target was handled, or the session is over. */
  nextAnswer(): Promise<void>
  /** Of its backend; undefined where the target names none. */
  readonly processId: number | undefined
  /** Whether what is decided of its statements may depend on definitions. */
  readonly restsOnDefinitions: boolean
  cancelRunning(): Promise<void>
  /** Ends the session: nothing of it that was decided may run any more. */
  overtaken(): void
}

/** Changes of definitions that are being made visible to others: sent, and not answered yet. */
export interface Publication {
  readonly by: Participant
  readonly change: Change
  readonly waitFor: boolean
  /** Resolves when it is answered, or the session is over. */
  readonly over: Promise<void>
  finish(): void
}

/**
 * The definitions of one database, as its sessions change them. A change becomes visible when the server performs it, which is
 * some time between the moment it is sent and the moment its answer is read. So both ends are closed: whoever decides about what a
 * change touches waits until it is answered, and a change is sent only when what others have sent before was analysed.
 */
export class SharedDefinitions extends ChangeLog {
  readonly #sessions = new Set<Participant>()
  readonly #publications = new Set<Publication>()

  /** Whether any session decides something by what definitions say. */
  get areReliedOn(): boolean {
    for (const session of this.#sessions) if (session.restsOnDefinitions) return true
    return false
  }

  join(session: Participant): void {
    this.#sessions.add(session)
  }

  leave(session: Participant): void {
    this.#sessions.delete(session)
    for (const publication of this.#publications) if (publication.by === session) publication.finish()
  }

  /** `waitFor`: whether others wait for its end; code of unknown effect may take any time, and change nothing. `cause`: whose answer ends it. */
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

  /** Changes of others that are on their way and may concern these names. */
  othersTouching(session: Participant, names: ReadonlySet<string>): Publication[] {
    if (this.#publications.size === 0) return []
    return [...this.#publications].filter(
      ({ by, change, waitFor }) => waitFor && by !== session && concerns(change.touches, names),
    )
  }

  /** Changes of others that are on their way and say that they make rules. */
  othersMakingRules(session: Participant): Publication[] {
    return [...this.#publications].filter(({ by, change }) => by !== session && change.makesRules)
  }

  /** Nobody has a change on its way. */
  get isQuiet(): boolean {
    return this.#publications.size === 0
  }

  /** Something of another session is at work that may change definitions at any moment: what was read is old at once. */
  mayChangeNow(session: Participant): boolean {
    if (this.#publications.size === 0) return false
    // What was not read concerns those alone whose decisions rest on what it may change.
    for (const { by, waitFor, change } of this.#publications)
      if (!waitFor && by !== session && (change.by !== 'unread' || session.restsOnDefinitions)) return true
    return false
  }

  /** Sessions with statements that a change may overtake. */
  #behind(by: Participant, { touches, makesRules }: Settled): Map<Participant, readonly Unanalysed[]> {
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
   * Resolves when no statement of another session is on its way that was decided with the definitions from before: it was
   * answered, or runs for so long that it was analysed. One that waits for the lock of a relation, or behind another of its session, was
   * not: the change waits for it. Where that in turn waits for the session that changes, nobody would go on, and it is cancelled; so is what
   * does not end in `PATIENCE`. Where others send one statement after the other, there is always one on its way: `announce` makes whoever
   * decides after it wait. `waitsOf`: what these backends wait for, where it is known. Undefined: there is nothing to wait for.
   */
  settle(by: Participant, change: Settled, waitsOf: WaitsOf, announce: () => void): Promise<void> | undefined {
    return this.#behind(by, change).size === 0 ? undefined : this.#settle(by, change, waitsOf, announce)
  }

  async #settle(by: Participant, change: Settled, waitsOf: WaitsOf, announce: () => void): Promise<void> {
    const began = performance.now()
    let isAnnounced = false
    let cancelledAt: number | undefined
    for (;;) {
      const behind = this.#behind(by, change)
      const now = performance.now()
      const young = [...behind].filter(([, sent]) => sent.some(({ since }) => now - since < ANALYSED_AFTER))
      if (young.length > 0) {
        if (!isAnnounced && now - began > ANNOUNCED_AFTER) {
          isAnnounced = true
          announce()
        }
        await firstOf([...young.map(([session]) => session.nextAnswer()), pause(ANALYSED_AFTER, { keepsAlive: false })])
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
      const isLong = now - began > PATIENCE
      const stuck = late.filter(([session]) => isLong || waitOf(session)?.here === true)
      if (stuck.length > 0) {
        cancelledAt ??= now
        const isOver = now - cancelledAt > CANCELLED_AFTER
        for (const [session] of stuck) {
          if (isOver) session.overtaken()
          else await session.cancelRunning()
        }
        if (isOver && stuck.length === late.length) return
      }
      await firstOf([...late.map(([session]) => session.nextAnswer()), pause(ANALYSED_AFTER, { keepsAlive: false })])
    }
  }
}

/** What a backend waits for: the lock of a relation; the backend that asks, in the end. */
export interface Wait {
  readonly relation: boolean
  readonly here: boolean
}

/** By backend; undefined where nothing can be asked. */
export type WaitsOf = (pids: readonly number[]) => Promise<ReadonlyMap<number, Wait> | undefined>

const UNKNOWN_WAITS: ReadonlyMap<number, Wait> = new Map()

const concerns = (touches: Touches, names: ReadonlySet<string>): boolean => {
  if (touches === 'anything') return names.size > 0
  for (const name of touches) if (names.has(name)) return true
  return false
}

const firstOf = (promises: readonly Promise<void>[]): Promise<void> => Promise.race(promises)

/** Milliseconds after which a backend that waits for no lock has analysed what it was sent. */
const ANALYSED_AFTER = 100
/** Milliseconds after which new statements of others wait for a change. */
const ANNOUNCED_AFTER = 300
/** Milliseconds that a change waits for what was sent before it. */
const PATIENCE = 10_000
/** Milliseconds that statements have to be cancelled in. */
const CANCELLED_AFTER = 2000
