import type { RecordedEvent } from '../../../src/recording/event.ts'
import { wordsOf } from '../../../src/protocols/names.ts'
import { Badge } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { count, formatBytes, formatDateTime, formatNumber, formatOffset } from '../../lib/format.ts'
import { answerPart } from './answer-part.ts'

/** The events of a session in order: statements, decisions, approvals, results. */
export function Timeline({
  events,
  protocol,
  found,
}: {
  events: readonly RecordedEvent[]
  /** Of the session's target. */
  protocol: string
  /** The event that a search led to. */
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
            <Event event={event} protocol={protocol} />
          </li>
        ),
      )}
    </ol>
  )
}

/** One event. `forwarded` events and terminal output have no line. */
function Event({ event, protocol }: { event: RecordedEvent; protocol: string }) {
  switch (event.type) {
    case 'opened':
      return <Opened event={event} />
    case 'command':
      return <Command event={event} />
    case 'approval':
      return <Approval event={event} />
    case 'result':
      return <Result event={event} />
    case 'rows':
      return wordsOf(protocol).hasRequests ? <Answer event={event} /> : <Rows event={event} />
    case 'file':
      return <File event={event} />
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

interface Of<Type extends RecordedEvent['type']> {
  event: Extract<RecordedEvent, { type: Type }>
}

/** Joins the parts that are present. */
const joined = (mark: string, ...parts: readonly (string | undefined)[]): string =>
  parts.filter((part) => part !== undefined && part !== '').join(mark)

function Opened({ event: { person, account, grant } }: Of<'opened'>) {
  return (
    <div>
      Opened by <Text>{person.label}</Text> as <Text>{account}</Text>, grant <span class="mono">{grant.id}</span> (
      <Text>{grant.rule}</Text>)
      {grant.reason !== '' && (
        <>
          : <Text>{grant.reason}</Text>
        </>
      )}
    </div>
  )
}

function Command({ event }: Of<'command'>) {
  const isDenied = event.verdict === 'deny'
  return (
    <div class="stack">
      <pre>
        <Text recorded>{event.text}</Text>
      </pre>
      {event.parameters !== undefined && <Parameters values={event.parameters} />}
      {event.operations?.map((name) => (
        <p key={name} class="small soft">
          Operation <Text>{name}</Text>
        </p>
      ))}
      {event.verdict !== 'allow' && (
        <p class="small">
          <Badge tone={isDenied ? 'bad' : 'warn'}>{isDenied ? 'denied' : 'held'}</Badge>{' '}
          <Text>{joined('; ', event.message, event.rule && `rule "${event.rule}"`)}</Text>
        </p>
      )}
      {event.apart !== undefined && (
        <p class="small soft">The original text is stored beside the recording; pamctl replay --with-texts shows it.</p>
      )}
    </div>
  )
}

function Parameters({ values }: { values: readonly (string | null)[] }) {
  return (
    <p class="small mono">
      {values.map((value, index) => (
        <span key={index}>
          ${index + 1} = {value === null ? 'NULL' : <Text>{value}</Text>}{' '}
        </span>
      ))}
    </p>
  )
}

function Approval({ event: { id, state, by, comment } }: Of<'approval'>) {
  return (
    <div>
      <Badge tone={state === 'approved' ? 'good' : 'bad'}>{state}</Badge>{' '}
      <Text>{joined(': ', by && `by ${by}`, comment)}</Text> <span class="mono soft">{id}</span>
    </div>
  )
}

function Result({ event: { error, tag, rows, bytes, durationMs } }: Of<'result'>) {
  return (
    <div class="soft small">
      →{' '}
      {error !== undefined && (
        <>
          <Badge tone="bad">error {error}</Badge>,{' '}
        </>
      )}
      <Text>
        {joined(
          ', ',
          error === undefined ? tag : undefined,
          rows > 0 ? `${count(rows, 'row')}, ${formatBytes(bytes)}` : undefined,
          `${formatNumber(durationMs)} ms`,
        )}
      </Text>
    </div>
  )
}

function Rows({ event: { rows, columns, cut } }: Of<'rows'>) {
  return (
    <details>
      <summary>
        {count(rows.length, 'row')} recorded{cut === true ? ' of more that were returned' : ''}
      </summary>
      <pre>
        {columns !== undefined && <Text>{`${columns.join(' | ')}\n`}</Text>}
        {rows.map((row, index) => (
          <Text key={index}>{`${row.map((value) => value ?? 'NULL').join(' | ')}\n`}</Text>
        ))}
      </pre>
    </details>
  )
}

/** A part of an answer to a request of HTTP. */
function Answer({ event }: Of<'rows'>) {
  const { summary, lines } = answerPart(event)
  return (
    <details>
      <summary>
        <Text>{summary}</Text>
      </summary>
      <pre>
        {lines.map((line, index) => (
          <Text key={index}>{`${line}\n`}</Text>
        ))}
      </pre>
    </details>
  )
}

function File({ event: { operation, path, bytes, error } }: Of<'file'>) {
  return (
    <div>
      <Text>{`${operation} ${path}`}</Text>
      {bytes !== undefined && `, ${formatBytes(bytes)}`}
      {error !== undefined && (
        <>
          {' '}
          <Badge tone="bad">
            <Text>{error}</Text>
          </Badge>
        </>
      )}
    </div>
  )
}
