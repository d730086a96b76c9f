import { useMemo, useState } from 'preact/hooks'
import type { RecordedEvent } from '../../../src/recording/event.ts'
import { describeLookup, foldIntrospection, type Lookup } from '../../../src/recording/introspection.ts'
import { wordsOf } from '../../../src/protocols/names.ts'
import { Badge } from '../../components/ui/parts.tsx'
import { Tokens } from '../../components/ui/code.tsx'
import { StateBadge } from '../../components/ui/state.tsx'
import { Statements } from '../../components/ui/statements.tsx'
import { Text } from '../../components/ui/text.tsx'
import { count, formatBytes, formatDateTime, formatNumber, formatOffset } from '../../lib/format.ts'
import { answerPart } from './answer-part.ts'
import { batchesIn, type ShownBatch } from './batches.ts'

/** The events of a session in order: statements, decisions, approvals, results. What the client looks up by itself is folded. */
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
  const batches = useMemo(() => batchesIn(protocol, events), [protocol, events])
  const of = { protocol, batches }
  return (
    <ol class="timeline" aria-label="What happened">
      {foldIntrospection(events).map((event) =>
        event.type === 'lookup' && !event.events.some(({ seq }) => seq === found) ? (
          <li key={event.seq} class="lookup">
            <time dateTime={event.at} title={formatDateTime(event.at)}>
              {formatOffset(event.ms)}
            </time>
            <FoldedLookup lookup={event} protocol={protocol} />
          </li>
        ) : event.type === 'lookup' ? (
          event.events.map((inner) => <Line key={inner.seq} event={inner} {...of} found={found} />)
        ) : (
          <Line key={event.seq} event={event} {...of} found={found} />
        ),
      )}
    </ol>
  )
}

function FoldedLookup({ lookup, protocol }: { lookup: Lookup; protocol: string }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary class="soft">
        <Text recorded>{describeLookup(lookup)}</Text>
      </summary>
      {isOpen && (
        <ol class="timeline" aria-label="Queries that the client made by itself">
          {lookup.events.map((event) => (
            <Line key={event.seq} event={event} protocol={protocol} />
          ))}
        </ol>
      )}
    </details>
  )
}

interface LineProps {
  event: RecordedEvent
  protocol: string
  /** By the ids of their commands. */
  batches?: ReadonlyMap<string, ShownBatch> | undefined
  found?: number | undefined
}

function Line({ event, protocol, batches, found }: LineProps) {
  if (event.type === 'forwarded' || event.type === 'terminal') return null
  // Each statement of a batch says its result.
  if (event.type === 'result' && batches?.has(event.command) === true) return null
  return (
    <li
      key={event.seq}
      id={`e${event.seq}`}
      class={`${event.type === 'command' ? `command ${event.verdict}` : event.type} ${event.seq === found ? 'found' : ''}`}
    >
      <time dateTime={event.at} title={formatDateTime(event.at)}>
        {formatOffset(event.ms)}
      </time>
      <Event event={event} protocol={protocol} batches={batches} />
    </li>
  )
}

/** One event. `forwarded` events and terminal output have no line. */
function Event({ event, protocol, batches }: Omit<LineProps, 'found'>) {
  switch (event.type) {
    case 'opened':
      return <Opened event={event} />
    case 'command':
      return <Command event={event} protocol={protocol} batch={batches?.get(event.id)} />
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

function Command({ event, protocol, batch }: Of<'command'> & { protocol: string; batch: ShownBatch | undefined }) {
  const [isWhole, setWhole] = useState(event.text.length <= MAX_TEXT && event.text.split('\n').length <= MAX_LINES)
  const text = isWhole ? event.text : event.text.split('\n').slice(0, MAX_LINES).join('\n').slice(0, MAX_TEXT)
  return (
    <div class="stack">
      {batch === undefined ? (
        <pre>
          <Tokens text={text} language={wordsOf(protocol).language} recorded />
        </pre>
      ) : (
        <Batch batch={batch} protocol={protocol} />
      )}
      {!isWhole && batch === undefined && (
        <p class="small">
          <button type="button" class="link" onClick={() => setWhole(true)}>
            Show the whole command ({count(event.text.length, 'character')})
          </button>
        </p>
      )}
      {event.parameters !== undefined && <Parameters values={event.parameters} />}
      {event.operations?.map((name) => (
        <p key={name} class="small soft">
          Operation <Text>{name}</Text>
        </p>
      ))}
      {event.verdict !== 'allow' && (
        <p class="small">
          <StateBadge state={event.verdict === 'deny' ? 'denied' : 'held'} />{' '}
          <Text>{joined('; ', event.message, event.rule && `rule "${event.rule}"`)}</Text>
        </p>
      )}
      {event.apart !== undefined && (
        <p class="small soft">The original text is stored beside the recording; pamctl replay --with-texts shows it.</p>
      )}
    </div>
  )
}

function Batch({ batch: { statements, states, failed }, protocol }: { batch: ShownBatch; protocol: string }) {
  return (
    <>
      <p class="small">
        <strong>{count(statements.length, 'statement')}</strong>, approved and sent as one text.
        {failed !== undefined &&
          ` Statement ${failed} failed: the target undid those before it, unless one of them was COMMIT.`}
      </p>
      <Statements statements={statements} states={states} protocol={protocol} recorded />
    </>
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
      <StateBadge state={state} /> <Text>{joined(': ', by && `by ${by}`, comment)}</Text>{' '}
      <span class="mono soft">{id}</span>
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
      <div class="scroll" tabIndex={0} role="region" aria-label="Recorded rows">
        <table class="rows">
          <caption class="visually-hidden">Rows as the client received them</caption>
          {columns !== undefined && (
            <thead>
              <tr>
                {columns.map((name, index) => (
                  <th key={index} scope="col">
                    <Text>{name}</Text>
                  </th>
                ))}
              </tr>
            </thead>
          )}
          <tbody>
            {rows.map((row, index) => (
              <tr key={index}>
                {row.map((value, at) => (
                  <td key={at}>{value === null ? <em class="soft">NULL</em> : <Text>{value}</Text>}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
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

/** Of a command that is shown at once. */
const MAX_TEXT = 1200
const MAX_LINES = 12
