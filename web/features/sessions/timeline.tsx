import type { RecordedEvent } from '../../../src/recording/event.ts'
import { Badge } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { count, formatBytes, formatDateTime, formatNumber, formatOffset } from '../../lib/format.ts'

/** What happened, in order: statements, decisions, approvals, results. */
export function Timeline({
  events,
  found,
}: {
  events: readonly RecordedEvent[]
  /** The event that is looked for. */
  found?: number | undefined
}) {
  return (
    <ol class="timeline" aria-label="What happened">
      {events.map((event) =>
        event.type === 'forwarded' ? null : (
          <li
            key={event.seq}
            id={`e${event.seq}`}
            class={`${event.type === 'command' ? `command ${event.verdict}` : event.type} ${event.seq === found ? 'found' : ''}`}
          >
            <time dateTime={event.at} title={formatDateTime(event.at)}>
              {formatOffset(event.ms)}
            </time>
            <Event event={event} />
          </li>
        ),
      )}
    </ol>
  )
}

function Event({ event }: { event: RecordedEvent }) {
  switch (event.type) {
    case 'opened':
      return (
        <div>
          Opened by <Text>{event.person.label}</Text> as <Text>{event.account}</Text>, grant{' '}
          <span class="mono">{event.grant.id}</span> (<Text>{event.grant.rule}</Text>)
          {event.grant.reason !== '' && (
            <>
              : <Text>{event.grant.reason}</Text>
            </>
          )}
        </div>
      )
    case 'command':
      return (
        <div class="stack">
          <pre>
            <Text recorded>{event.text}</Text>
          </pre>
          {event.parameters !== undefined && (
            <p class="small mono">
              {event.parameters.map((value, index) => (
                <span key={index}>
                  ${index + 1} = {value === null ? 'NULL' : <Text>{value}</Text>}{' '}
                </span>
              ))}
            </p>
          )}
          {event.verdict !== 'allow' && (
            <p class="small">
              <Badge tone={event.verdict === 'deny' ? 'bad' : 'warn'}>
                {event.verdict === 'deny' ? 'denied' : 'held'}
              </Badge>{' '}
              <Text>
                {[event.message, event.rule === undefined ? undefined : `rule "${event.rule}"`]
                  .filter((part) => part !== undefined)
                  .join('; ')}
              </Text>
            </p>
          )}
          {event.apart !== undefined && (
            <p class="small soft">
              The original text is stored beside the recording; pamctl replay --with-texts shows it.
            </p>
          )}
        </div>
      )
    case 'approval':
      return (
        <div>
          <Badge tone={event.state === 'approved' ? 'good' : 'bad'}>{event.state}</Badge>{' '}
          <Text>
            {[event.by === undefined ? '' : `by ${event.by}`, event.comment ?? '']
              .filter((part) => part !== '')
              .join(': ')}
          </Text>{' '}
          <span class="mono soft">{event.id}</span>
        </div>
      )
    case 'result':
      return (
        <div class="soft small">
          →{' '}
          {event.error === undefined ? (
            <Text>{event.tag ?? 'done'}</Text>
          ) : (
            <Badge tone="bad">error {event.error}</Badge>
          )}
          {event.rows > 0 && `, ${count(event.rows, 'row')}, ${formatBytes(event.bytes)}`},{' '}
          {formatNumber(event.durationMs)} ms
        </div>
      )
    case 'rows':
      return (
        <details>
          <summary>
            {count(event.rows.length, 'row')} recorded{event.cut === true ? ' of more that were returned' : ''}
          </summary>
          <pre>
            {event.columns !== undefined && <Text>{`${event.columns.join(' | ')}\n`}</Text>}
            {event.rows.map((row, index) => (
              <Text key={index}>{`${row.map((value) => value ?? 'NULL').join(' | ')}\n`}</Text>
            ))}
          </pre>
        </details>
      )
    case 'file':
      return (
        <div>
          <Text>{`${event.operation} ${event.path}`}</Text>
          {event.bytes !== undefined && `, ${formatBytes(event.bytes)}`}
          {event.error !== undefined && (
            <>
              {' '}
              <Badge tone="bad">
                <Text>{event.error}</Text>
              </Badge>
            </>
          )}
        </div>
      )
    case 'resize':
      return (
        <div class="soft small">
          terminal <Text>{event.channel}</Text> is {event.columns} by {event.rows}
        </div>
      )
    case 'notice':
      return (
        <div>
          <Text>{event.message}</Text>
        </div>
      )
    case 'ended':
      return (
        <div>
          <strong>Ended:</strong> <Text>{event.message}</Text> <span class="mono soft">{event.code}</span>
        </div>
      )
    case 'forwarded':
    case 'terminal':
      return null
  }
}
