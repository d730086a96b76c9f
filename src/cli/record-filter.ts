import type { CommandEvent, RecordedEvent } from '../recording/event.ts'
import type { ReadEvent } from '../recording/read.ts'

/** What of a record is to be shown: what fits all that is given. */
export interface RecordFilterOptions {
  /** Denied by a rule, or held and not approved. */
  readonly refused?: boolean
  readonly held?: boolean
  /** Writes something, or nobody can tell. */
  readonly writes?: boolean
  readonly contains?: string
  /** The original of a command whose text is detached, where it is there to be searched. */
  readonly originalOf?: (event: CommandEvent) => string | undefined
}

/**
 * Picks commands, with their approvals and results, and operations on files; the beginning and the end of the session stay. What else there is,
 * such as the bytes of a terminal, is left out as soon as a filter is given.
 */
export class RecordFilter {
  readonly #options: RecordFilterOptions
  /** Shown: what belongs to them follows. */
  readonly #shown = new Set<string>()
  #isSql = false
  /** Held, and shown only if they are not approved. */
  readonly #open = new Map<string, ReadEvent>()

  constructor(options: RecordFilterOptions) {
    this.#options = options
  }

  /** How many commands may have the text in an original that was not there to be searched. */
  unsearched = 0

  get isEmpty(): boolean {
    const { refused, held, writes, contains } = this.#options
    return refused !== true && held !== true && writes !== true && contains === undefined
  }

  /** What to show now that this event has been read. */
  push(read: ReadEvent): ReadEvent[] {
    if (this.isEmpty) return [read]
    const { event } = read
    switch (event.type) {
      case 'opened':
        this.#isSql = SQL.has(event.protocol)
        return [read]
      case 'ended':
        // Nobody has decided on these.
        return [...this.#open.values(), read]
      case 'command':
        return this.#command(event, read)
      case 'approval':
        return this.#approval(event, read)
      case 'result':
      case 'rows':
      case 'forwarded':
        return this.#shown.has(event.command) ? [read] : []
      case 'file':
        return this.#isFileWanted(event) ? [read] : []
      case 'terminal':
      case 'resize':
      case 'notice':
        return []
    }
  }

  #command(event: CommandEvent, read: ReadEvent): ReadEvent[] {
    const { refused, held, writes, contains } = this.#options
    const isWanted =
      (held !== true || event.verdict === 'hold') &&
      (writes !== true || mayWrite(event, this.#isSql)) &&
      (refused !== true || event.verdict !== 'allow') &&
      (contains === undefined || this.#hasText(event, contains))
    if (!isWanted) return []
    if (refused === true && event.verdict === 'hold') {
      this.#open.set(event.id, read)
      return []
    }
    this.#shown.add(event.id)
    return [read]
  }

  #hasText(event: CommandEvent, wanted: string): boolean {
    if (hasText(textsOf(event), wanted)) return true
    const original = this.#options.originalOf?.(event)
    if (original === undefined && event.apart !== undefined) this.unsearched++
    return original !== undefined && hasText([original], wanted)
  }

  #approval(event: Extract<RecordedEvent, { type: 'approval' }>, read: ReadEvent): ReadEvent[] {
    const command = this.#open.get(event.command)
    if (command === undefined) return this.#shown.has(event.command) ? [read] : []
    this.#open.delete(event.command)
    if (event.state === 'approved' || event.state === 'used') return []
    this.#shown.add(event.command)
    return [command, read]
  }

  #isFileWanted({ operation, path, error }: Extract<RecordedEvent, { type: 'file' }>): boolean {
    const { refused, held, writes, contains } = this.#options
    return (
      held !== true &&
      (refused !== true || error !== undefined) &&
      // A closed list: what is not known to read may write.
      (writes !== true || !READING.has(operation)) &&
      (contains === undefined || hasText([path], contains))
    )
  }
}

/** What is not understood in full may write, and so may a statement of a kind that is not known to read. */
const mayWrite = ({ writes, unknown = [], kinds }: CommandEvent, isSql: boolean): boolean =>
  writes.length > 0 || unknown.length > 0 || (isSql && !kinds.every((kind) => READING_KINDS.has(kind)))

const textsOf = ({ text, parameters = [], operations = [] }: CommandEvent): (string | null)[] => [
  text,
  ...parameters,
  ...operations,
]

const hasText = (texts: readonly (string | null)[], wanted: string): boolean =>
  texts.some((text) => text?.toLowerCase().includes(wanted.toLowerCase()) === true)

const SQL: ReadonlySet<string> = new Set(['postgres', 'mysql'])
const READING: ReadonlySet<string> = new Set(['read', 'list'])
const READING_KINDS: ReadonlySet<string> = new Set(
  `select explain describe help show show-warnings show-grants show-processlist use declare-cursor fetch move close-cursor copy-to deallocate
  discard set reset begin start commit rollback savepoint release rollback-to set-transaction`.split(/\s+/),
)
