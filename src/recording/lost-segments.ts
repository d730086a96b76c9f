import type { JournaledSession } from './read-journal.ts'
import type { JournalRemainder } from './journal-remainder.ts'
import { type ValidPrefix, beyondEnd } from './valid-prefix.ts'

interface Lost {
  readonly problem: string
  /** The journal does not have those events either. */
  readonly isGone: boolean
  /** The file is not the one that the journal describes. */
  readonly isReplaced: boolean
}

/** Compares the file with what the journal says was sealed and flushed: no failure removes that, only a person. */
export function lostSegments(
  journaled: JournaledSession | undefined,
  prefix: ValidPrefix,
  found: JournalRemainder,
  announces: boolean,
): Lost | undefined {
  // A record that the gateway has closed ends with its seal: there is no shorter one with a genuine end.
  if (prefix.last !== undefined && prefix.last.status !== 'more') {
    const problem =
      beyondEnd(journaled, prefix.events) ??
      (prefix.last.tail === 'altered' ? 'was closed by a start that found events missing or changed' : undefined)
    return problem === undefined ? undefined : { problem, isGone: true, isReplaced: false }
  }
  if (journaled === undefined || journaled.file === '') {
    // The journals have an entry for each open session; without one it is unknown how much was sealed.
    const problem = 'the journal has no entry for this session, so sealed events may be missing'
    return announces ? { problem, isGone: true, isReplaced: false } : undefined
  }
  const { sealed } = journaled
  if (sealed === undefined || sealed.events === 0) return undefined
  if (sealed.events <= prefix.events) {
    if (prefix.ends.get(sealed.events) === sealed.hash) return undefined
    return { problem: 'is not the file that the journal names', isGone: true, isReplaced: true }
  }
  const range = `events ${prefix.events} to ${sealed.events - 1} were sealed and are missing from the file`
  return found.restores(sealed)
    ? { problem: `${range}; they were restored from the journal`, isGone: false, isReplaced: false }
    : { problem: range, isGone: true, isReplaced: false }
}
