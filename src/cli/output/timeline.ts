import type { RecordedEvent } from '../../recording/event.ts'
import { visible } from './visible.ts'

/** One event as people read it; the time is since the session was opened. */
export function describeEvent(event: RecordedEvent): string[] {
  const at = `${(event.ms / 1000).toFixed(3).padStart(9)}s`
  switch (event.type) {
    case 'opened':
      return [
        visible(`${event.at}  ${event.session}  ${event.person.label} on ${event.target} as ${event.account}`),
        visible(
          `           grant ${event.grant.id} (${event.grant.rule}), until ${event.grant.endsAt}: ${event.grant.reason}`,
        ),
      ]
    case 'command': {
      const rule = event.rule === undefined ? '' : ` by "${event.rule}"`
      const verdict =
        event.verdict === 'allow'
          ? ''
          : `  [${VERDICTS[event.verdict]}${rule}${event.message === undefined ? '' : `: ${event.message}`}]`
      const parameters =
        event.parameters === undefined ? '' : `  (${event.parameters.map((value) => value ?? 'NULL').join(', ')})`
      return [`${at}  ${indent(visible(event.text))}${visible(parameters)}${visible(verdict)}`]
    }
    case 'approval':
      return [
        visible(
          `${at}    ${event.id} ${event.state}${event.by === undefined ? '' : ` by ${event.by}`}${event.comment === undefined ? '' : `: ${event.comment}`}`,
        ),
      ]
    case 'forwarded':
      return []
    case 'result': {
      const what = event.error === undefined ? (event.tag ?? '') : `ERROR ${event.error}`
      return [
        visible(
          `${at}    → ${what}${event.rows > 0 ? `, ${event.rows} rows, ${event.bytes} bytes` : ''}, ${event.durationMs} ms`,
        ),
      ]
    }
    case 'notice':
      return [visible(`${at}    ${event.message}`)]
    case 'ended':
      return [visible(`${at}  ended: ${event.message} (${event.code})`)]
  }
}

const indent = (text: string): string => text.trim().replaceAll('\n', `\n${' '.repeat(12)}`)
const VERDICTS = { deny: 'refused', hold: 'held' } as const
