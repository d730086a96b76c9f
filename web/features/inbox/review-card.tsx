import { useMemo, useRef, useState } from 'preact/hooks'
import type { Review } from '../../../src/api/schemas/review.ts'
import { wordsOf } from '../../../src/protocols/names.ts'
import { Link } from '../../app/router.tsx'
import { Ago, Badge, Labels, TwoSteps } from '../../components/ui/parts.tsx'
import { Code, Tokens } from '../../components/ui/code.tsx'
import { StateBadge } from '../../components/ui/state.tsx'
import { Statements } from '../../components/ui/statements.tsx'
import { Text } from '../../components/ui/text.tsx'
import { batchOf, type BatchText } from '../../lib/batch.ts'
import { api, signIn } from '../../lib/client.ts'
import { count, formatDateTime, formatLength, formatNumber, formatShort } from '../../lib/format.ts'
import { useStore } from '../../lib/store.ts'
import { useNow } from '../../lib/use-data.ts'
import { DecisionForm } from './decision-form.tsx'

/** A request for access or a held command, with who, what, where, why and since when, and the buttons to decide. */
export function ReviewCard({
  review,
  fresh,
  whole = false,
  decided,
}: {
  review: Review
  fresh: boolean
  whole?: boolean
  decided?: (review: Review) => void
}) {
  const [step, setStep] = useState<'approve' | 'deny'>()
  const card = useRef<HTMLElement>(null)
  const back = (): void => {
    setStep(undefined)
    // The form had the focus and is gone: its card takes it, so that keyboard navigation continues there.
    card.current?.focus()
  }
  const { id, requester, target, kind } = review
  const me = useStore(signIn)
  const isOwn = me.state === 'in' && me.me.person.id === requester.id
  const pending = review.state === 'pending'
  const verb = kind === 'command' ? 'wants to run this on' : 'asks for'
  return (
    <article
      class={`card ${fresh ? 'fresh' : ''} ${pending ? '' : 'gone'}`}
      ref={card}
      data-card
      data-testid={id}
      tabIndex={-1}
      aria-label={`${requester.label} ${verb} ${target}`}
    >
      <div class="row spread">
        <h2>
          <Text>{requester.label}</Text> <span class="soft">{verb}</span> <Text>{target}</Text>
        </h2>
        <Waited review={review} />
      </div>
      <div class="row small">
        {requester.kind === 'service' && <Badge tone="warn">service</Badge>}
        <Badge>{review.protocol || 'target removed'}</Badge>
        <Labels labels={review.labels} />
        <Link to={`/reviews/${encodeURIComponent(id)}`} class="small mono">
          {id}
        </Link>
      </div>
      {kind === 'command' && <CommandText review={review} whole={whole || step !== undefined} />}
      <div class="below">
        {kind === 'command' ? <CommandFacts review={review} /> : <AskedFor review={review} />}
        <Decisions review={review} />
        {!pending && (
          <p class="note" role="status">
            <Text>{review.status}</Text>
          </p>
        )}
        {pending && !review.mayDecide && (
          <p class="soft small">
            You can't decide this: <Text>{review.whyNot ?? 'you are not an approver'}</Text>
          </p>
        )}
        {pending && isOwn && <Withdraw review={review} />}
        {pending && review.mayDecide && step === undefined && (
          <div class="row actions">
            <button type="button" class="primary" data-key="a" onClick={() => setStep('approve')}>
              Approve…
            </button>
            <button type="button" data-key="d" onClick={() => setStep('deny')}>
              Deny…
            </button>
          </div>
        )}
        {pending && review.mayDecide && step !== undefined && (
          <DecisionForm review={review} verdict={step} back={back} decided={decided} />
        )}
      </div>
    </article>
  )
}

/** What has become of it comes with the next event. */
function Withdraw({ review: { id, kind } }: { review: Review }) {
  const isCommand = kind === 'command'
  return (
    <TwoSteps
      label="Withdraw…"
      confirm={isCommand ? 'Withdraw the command' : 'Withdraw the request'}
      danger={false}
      act={() => (isCommand ? api.reviews.withdraw(id) : api.requests.withdraw(id))}
    >
      {isCommand && <p class="small">It does not run, and its client is told so.</p>}
    </TwoSteps>
  )
}

function Waited({ review }: { review: Review }) {
  const now = useNow()
  if (review.state !== 'pending') return <span class="soft small">{formatDateTime(review.createdAt)}</span>
  const left = Date.parse(review.expiresAt) - now
  return (
    <span class="soft small">
      waiting {formatShort(now - Date.parse(review.createdAt))},{' '}
      <span class={left < 60_000 ? 'badge bad' : ''} title={`expires ${formatDateTime(review.expiresAt)}`}>
        {left > 0 ? `${formatShort(left)} left` : 'expired'}
      </span>
    </span>
  )
}

function AskedFor({ review }: { review: Review }) {
  return (
    <dl class="facts">
      <dt>Reason</dt>
      <dd>{review.reason === '' ? <em class="soft">none</em> : <Text>{review.reason ?? ''}</Text>}</dd>
      <dt>Duration</dt>
      <dd>
        {formatLength(review.lengthMs ?? 0)}
        {review.extends !== undefined
          ? ' more, added to what they have'
          : review.startsAt === undefined
            ? ', from the moment of approval'
            : `, from ${formatDateTime(review.startsAt)}`}
      </dd>
      <dt>Rule</dt>
      <dd>
        <Text>{review.rule}</Text>
      </dd>
      <Lately review={review} />
    </dl>
  )
}

/** Exactly what would run. */
function CommandText({ review, whole }: { review: Review; whole: boolean }) {
  const text = review.text ?? ''
  const batch = useMemo(
    () => batchOf(review.protocol, text, review.effect ?? ''),
    [review.protocol, text, review.effect],
  )
  if (batch === undefined) return <OneText review={review} text={text} whole={whole} />
  return (
    <>
      <p class="small">
        <strong>{count(batch.statements.length, 'statement')}</strong>, sent as one text: one decision for all of them.
      </p>
      <Statements statements={batch.statements} protocol={review.protocol} whole={whole} />
      <details>
        <summary>As one text ({count(text.split('\n').length, 'line')})</summary>
        <Code
          text={text}
          protocol={review.protocol}
          label={`What ${review.requester.label} wants to run, as one text`}
        />
      </details>
    </>
  )
}

function OneText({ review, text, whole }: { review: Review; text: string; whole: boolean }) {
  const [open, setOpen] = useState(false)
  const lines = text.split('\n')
  const isLong = lines.length > SHORT_LINES || text.length > SHORT_TEXT
  const clipped = isLong && !open && !whole
  const parameters = review.parameters ?? []
  const shown = clipped ? lines.slice(0, SHORT_LINES).join('\n').slice(0, SHORT_TEXT) : text
  return (
    <>
      <Code text={shown} protocol={review.protocol} label={`What ${review.requester.label} wants to run`} />
      {clipped && (
        <p class="note warn small row">
          Only the beginning is shown: the command has {count(lines.length, 'line')} and{' '}
          {count(text.length, 'character')}.
          <button type="button" class="link" onClick={() => setOpen(true)}>
            Show the whole command
          </button>
        </p>
      )}
      {parameters.length > 0 && (
        <dl class="facts">
          <dt>Parameters</dt>
          <dd class="mono">
            {parameters.map((value, index) => (
              <div key={index}>
                ${index + 1} = {value === null ? <em>NULL</em> : <Text>{value}</Text>}
              </div>
            ))}
          </dd>
        </dl>
      )}
    </>
  )
}

/** What it does, and why it is held and possible. */
function CommandFacts({ review }: { review: Review }) {
  const recent = review.recent ?? []
  // Of several statements each says what it does; here stands what is said of all.
  const batch = batchOf(review.protocol, review.text ?? '', review.effect ?? '')
  const effect = batch === undefined ? (review.effect ?? '') : ofAll(batch)
  return (
    <>
      <dl class="facts">
        <dt>Effect</dt>
        <dd class={/not verifiable|without WHERE/.test(effect) ? 'effect note warn' : 'effect'}>
          <Text>{effect}</Text>
        </dd>
        <dt>Held by</dt>
        <dd>
          <Text>{review.rule}</Text>
        </dd>
        {review.grant !== undefined && (
          <>
            <dt>Access</dt>
            <dd>
              <Text>{review.grant.reason === '' ? 'no reason given' : review.grant.reason}</Text>
              <span class="soft">, until {formatDateTime(review.grant.endsAt)}</span>
            </dd>
          </>
        )}
        <Lately review={review} />
      </dl>
      <Before recent={recent} session={review.session} protocol={review.protocol} />
    </>
  )
}

/** `DELETE, UPDATE; about 12 rows`, with what should make somebody look twice. */
function ofAll({ statements, notes }: BatchText): string {
  const kinds = [...new Set(statements.map(({ kind }) => kind))].join(', ')
  const warnings = ['without WHERE', 'not verifiable'].flatMap((words) => {
    const found = statements.filter(({ effect }) => effect.includes(words)).length
    return found === 0
      ? []
      : [`${count(found, 'statement')} ${words === 'not verifiable' ? 'with an effect that is not verifiable' : words}`]
  })
  return [kinds, ...warnings, notes].filter(Boolean).join('; ')
}

/** What the requester did on this target lately. */
function Lately({ review: { lately } }: { review: Review }) {
  if (lately === undefined) return null
  const { sessions, commands, denied, approved, refused, lastAt } = lately
  const asked = [
    ...(approved > 0 ? [`${formatNumber(approved)} approved`] : []),
    ...(refused > 0 ? [`${formatNumber(refused)} denied`] : []),
  ]
  return (
    <>
      <dt>Lately here</dt>
      <dd>
        {sessions === 0
          ? 'no session in the last 30 days'
          : `${count(sessions, 'session')} in 30 days, ${count(commands, 'command')}${denied > 0 ? `, ${formatNumber(denied)} denied` : ''}`}
        {asked.length > 0 && `; held before: ${asked.join(', ')}`}
        {lastAt !== undefined && (
          <span class="soft">
            ; last <Ago time={lastAt} />
          </span>
        )}
      </dd>
    </>
  )
}

/** What the session ran before: the last commands at once, the others on demand. */
function Before({
  recent,
  session,
  protocol,
}: {
  recent: NonNullable<Review['recent']>
  session: string | undefined
  protocol: string
}) {
  const [isWhole, setWhole] = useState(false)
  if (session === undefined) return null
  const shown = isWhole ? recent : recent.slice(-SHOWN_BEFORE)
  const { language } = wordsOf(protocol)
  return (
    <div class="before small">
      <p class="row">
        <span class="soft">
          {recent.length === 0 ? 'Nothing ran before in this session.' : 'Before in this session'}
        </span>
        {recent.length > shown.length && (
          <button type="button" class="link" onClick={() => setWhole(true)}>
            Show {count(recent.length - shown.length, 'earlier command')}
          </button>
        )}
        <Link to={`/sessions/${encodeURIComponent(session)}`}>Whole session</Link>
      </p>
      {shown.length > 0 && (
        <ol aria-label="Earlier commands in this session">
          {shown.map(({ at, text, verdict }, index) => (
            <li key={index} class={verdict}>
              <Ago time={at} />
              <code>
                <Tokens text={text} language={language} recorded />
                {verdict === 'allow' ? '' : verdict === 'deny' ? '  (denied)' : '  (held)'}
              </code>
            </li>
          ))}
        </ol>
      )}
    </div>
  )
}

function Decisions({ review }: { review: Review }) {
  const { approvers, decisions, asking, people, state } = review
  return (
    <>
      {state === 'pending' && asking !== undefined && (
        <p class="soft small">
          The webhook <Text>{asking}</Text> is asked as well; people can decide before it answers.
        </p>
      )}
      {state === 'pending' && people !== undefined && (
        <p class="soft small">
          People decide: <Text>{people}</Text>.
        </p>
      )}
      {approvers.count > 1 && (
        <p class="soft small">
          {decisions.filter(({ verdict }) => verdict === 'approve').length} of {approvers.count} approvals by people in{' '}
          {approvers.groups.join(' or ')}.
        </p>
      )}
      {decisions.map(({ label, verdict, comment, at, passkey, automatic }) => (
        <p key={label} class="small">
          <StateBadge state={verdict === 'approve' ? 'approved' : 'denied'} />{' '}
          {automatic !== undefined && (
            <>
              <Badge tone="warn">automatic</Badge>{' '}
            </>
          )}
          <Text>{label}</Text>, <Ago time={at} />
          {passkey !== undefined && (
            <>
              , verified with passkey <span class="mono">{passkey.slice(0, 12)}…</span>
            </>
          )}
          {comment !== '' && (
            <>
              : <Text>{comment}</Text>
            </>
          )}
        </p>
      ))}
    </>
  )
}

/** Earlier commands that are in view. */
const SHOWN_BEFORE = 3
const SHORT_LINES = 14
const SHORT_TEXT = 1500
