import { errorName } from './error-names.ts'
import type { RecordedEvent } from './event.ts'
import { visible, visibleInLine } from '../shared/visible.ts'

/** How the parts of a command are drawn. Both get text in which nothing is left that a terminal would act on. */
export interface TimelineStyle {
  readonly text: (text: string) => string
  readonly verdict: (text: string) => string
}

/**
 * One event in readable form; the time is relative to the opening of the session. Only texts of commands and notices have several lines, which are
 * indented: nothing in them can look like another event.
 */
export function describeEvent(event: RecordedEvent, data?: Buffer, style: TimelineStyle = AS_IT_IS): string[] {
  const at = `${(event.ms / 1000).toFixed(3).padStart(9)}s`
  switch (event.type) {
    case 'opened':
      return [
        visibleInLine(`${event.at}  ${event.session}  ${event.person.label} on ${event.target} as ${event.account}`),
        visibleInLine(
          `           grant ${event.grant.id} (${event.grant.rule}${event.grant.approver === undefined ? '' : `, approved by ${event.grant.approver}`}), until ${event.grant.endsAt}: ${event.grant.reason}`,
        ),
      ]
    case 'command': {
      const rule = event.rule === undefined ? '' : ` by "${event.rule}"`
      const verdict =
        event.verdict === 'allow'
          ? ''
          : `  ${style.verdict(visibleInLine(`[${VERDICTS[event.verdict]}${rule}${event.message === undefined ? '' : `: ${event.message}`}]`))}`
      const parameters =
        event.parameters === undefined ? '' : `  (${event.parameters.map((value) => value ?? 'NULL').join(', ')})`
      const operations = event.operations?.map((name) => visibleInLine(`             operation ${name}`)) ?? []
      return [
        `${at}  ${indent(style.text(visible(event.text).trim()))}${visibleInLine(parameters)}${verdict}`,
        ...operations,
      ]
    }
    case 'approval':
      return [
        visibleInLine(
          `${at}    ${event.id} ${event.state}${event.by === undefined ? '' : ` by ${event.by}`}${event.comment === undefined ? '' : `: ${event.comment}`}`,
        ),
      ]
    case 'forwarded':
      return []
    case 'result': {
      const what = event.error === undefined ? event.tag : `ERROR ${withName(event.error)}`
      const size =
        event.rows > 0 ? `${event.rows} ${event.rows === 1 ? 'row' : 'rows'}, ${event.bytes} bytes` : undefined
      const parts = [what, size, `${event.durationMs} ms`]
      return [visibleInLine(`${at}    → ${parts.filter((part) => part !== undefined).join(', ')}`)]
    }
    case 'rows': {
      const rows = event.rows.map((row) => `             ${row.map((value) => value ?? 'NULL').join(' | ')}`)
      const head = event.columns === undefined ? [] : [`             ${event.columns.join(' | ')}`]
      return [...head, ...rows, ...(event.cut ? ['             … more rows, not kept'] : [])].map(visibleInLine)
    }
    case 'terminal':
      return event.direction === 'in' || data === undefined ? [] : plainLines(data).map((line) => `${at}  ${line}`)
    case 'resize':
      return [visibleInLine(`${at}    terminal ${event.channel} is ${event.columns} by ${event.rows}`)]
    case 'file': {
      const size = event.bytes === undefined ? '' : `, ${event.bytes} bytes`
      const digest = event.sha256 === undefined ? '' : `, sha256 ${event.sha256}`
      const error = event.error === undefined ? '' : `: ${event.error}`
      return [visibleInLine(`${at}    ${event.operation} ${event.path}${size}${digest}${error}`)]
    }
    case 'notice':
      return [`${at}    ${indent(visible(event.message))}`]
    case 'ended':
      return [visibleInLine(`${at}  ended: ${event.message} (${event.code})`)]
  }
}

/** `42501 (insufficient privilege)`. */
function withName(code: string): string {
  const name = errorName(code)
  return name === undefined ? code : `${code} (${name})`
}

/** The output of a terminal as plain text, without escape sequences (ECMA-48). */
function plainLines(data: Buffer): string[] {
  const text = data.toString('utf8').replaceAll(ESCAPE, '').replaceAll('\r', '')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(visible)
}

// eslint-disable-next-line no-control-regex
const ESCAPE = /\u001B(?:\[[\d;?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)|[@-Z\\-_])/g

const indent = (text: string): string => text.replaceAll('\n', `\n${' '.repeat(12)}`)
const AS_IT_IS: TimelineStyle = { text: (text) => text, verdict: (text) => text }
const VERDICTS = { deny: 'denied', hold: 'held' } as const
