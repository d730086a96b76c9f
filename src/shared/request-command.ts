import { formatDuration } from './duration.ts'
import { shellWord } from './shell-word.ts'
import { visibleInLine } from './visible.ts'

/**
 * The command that asks for access to a target, as hints name it: with a reason, which most rules require.
 * @param longest what the rule grants at most, in milliseconds; no more than an hour of it is asked for
 */
export function requestCommand(target: string, longest?: number): string {
  const length = longest === undefined ? '' : ` --for ${formatDuration(Math.min(longest, HOUR_MS))}`
  return visibleInLine(`pamctl request ${shellWord(target)}${length} --reason "…"`)
}

const HOUR_MS = 3_600_000
