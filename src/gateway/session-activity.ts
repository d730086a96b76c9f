import type { SettledCommand } from '../recording/recorder.ts'

/** What a session does now: a command runs or is held, or none does, since a time (milliseconds since 1970). */
export interface Activity {
  readonly state: 'running' | 'held' | 'idle'
  readonly since: number
  /** The command, or the last one of an idle session, as recorded. */
  readonly text?: string
  /** That a held command waits for. */
  readonly approval?: string
}

/** A held command: its recorded text, and since when (milliseconds since 1970) it waits for which approval. */
export interface HeldSince {
  readonly approval: string
  readonly since: number
  readonly text: string
}

/**
 * From the last command, the one that is held, and the last one that was answered. Of commands that run side by side, the last to begin counts. Undefined
 * where there was no command yet. `isHidden`: the record is encrypted to people who are not here, and so is the text.
 */
export function activityOf(
  {
    last,
    held,
    settled,
  }: {
    readonly last:
      { readonly id: string; readonly at: number; readonly text: string; readonly verdict: string } | undefined
    readonly held: HeldSince | undefined
    readonly settled: SettledCommand | undefined
  },
  isHidden: boolean,
): Activity | undefined {
  const shown = (text: string): { readonly text?: string } => (isHidden ? {} : { text: text.slice(0, MAX_TEXT_LENGTH) })
  if (held !== undefined) return { state: 'held', since: held.since, approval: held.approval, ...shown(held.text) }
  if (last === undefined) return undefined
  if (last.verdict === 'deny') return { state: 'idle', since: last.at, ...shown(last.text) }
  if (settled?.command === last.id) return { state: 'idle', since: settled.at, ...shown(last.text) }
  return { state: 'running', since: last.at, ...shown(last.text) }
}

/** Characters of a command that are shown. */
const MAX_TEXT_LENGTH = 500
