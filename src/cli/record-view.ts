import type { RecordedEvent } from '../recording/event.ts'
import { describeLookup, IntrospectionFold, type Lookup } from '../recording/introspection.ts'
import type { ReadEvent } from '../recording/read.ts'
import { describeEvent } from '../recording/timeline.ts'
import { visibleInLine } from '../shared/visible.ts'
import { PLAIN, type Styles } from './output/colours.ts'
import { colouredSql } from './output/sql-colours.ts'
import { RecordFilter, type RecordFilterOptions } from './record-filter.ts'

export interface RecordViewOptions extends RecordFilterOptions {
  /** Also what a client looks up for itself. */
  readonly all?: boolean
  /** Also what of a long text is left out otherwise. */
  readonly full?: boolean
}

/** One thing to show: its lines, and the event that they are of where it is one. */
export interface Shown {
  readonly lines: readonly string[]
  readonly event?: RecordedEvent
}

/** A record for people: what clients ask for themselves is folded, and long texts are cut. With a filter everything that fits is shown. */
export class RecordView {
  readonly #filter: RecordFilter
  readonly #fold: IntrospectionFold | undefined
  readonly #isFull: boolean
  readonly #style: Styles
  /** Bytes of terminals, by their event. */
  readonly #data = new Map<RecordedEvent, Buffer>()
  #isSql = false

  constructor(options: RecordViewOptions, style: Styles = PLAIN) {
    this.#filter = new RecordFilter(options)
    this.#fold = options.all === true || !this.#filter.isEmpty ? undefined : new IntrospectionFold()
    this.#isFull = options.full === true
    this.#style = style
  }

  push(read: ReadEvent): Shown[] {
    return this.#filter.push(read).flatMap(({ event, data }) => {
      if (event.type === 'opened') this.#isSql = event.protocol === 'postgres' || event.protocol === 'mysql'
      if (data !== undefined) this.#data.set(event, data)
      return (this.#fold?.push(event) ?? [event]).map((item) => this.#shown(item))
    })
  }

  /** See RecordFilter. */
  get unsearched(): number {
    return this.#filter.unsearched
  }

  /** What is left at the end of the record, or of what is there. */
  end(): Shown[] {
    return (this.#fold?.end() ?? []).map((item) => this.#shown(item))
  }

  #shown(item: RecordedEvent | Lookup): Shown {
    if (item.type === 'lookup')
      return {
        lines: [
          `${(item.ms / 1000).toFixed(3).padStart(9)}s  (${visibleInLine(describeLookup(item))}; --all shows them)`,
        ],
      }
    const lines = describeEvent(item, this.#data.get(item), {
      text: (text) => this.#text(text),
      verdict: item.type === 'command' && item.verdict === 'deny' ? this.#style.red : this.#style.bold,
    })
    this.#data.delete(item)
    return { lines, event: item }
  }

  #text(text: string): string {
    const lines = text.split('\n')
    const kept = lines.slice(0, MAX_LINES).join('\n').slice(0, MAX_LENGTH)
    const shown = this.#isFull || kept.length === text.length ? text : kept
    const left = text.length - shown.length
    const coloured = this.#isSql && this.#style !== PLAIN ? colouredSql(shown, this.#style) : shown
    return left === 0 ? coloured : `${coloured}\n… ${left} more characters; --full shows them`
  }
}

const MAX_LINES = 20
const MAX_LENGTH = 2000
