import { useState } from 'preact/hooks'
import type { BatchStatement, StatementState } from '../../lib/batch.ts'
import { wordsOf } from '../../../src/protocols/names.ts'
import { count } from '../../lib/format.ts'
import { Code, Tokens } from './code.tsx'
import { StateBadge } from './state.tsx'
import { Text } from './text.tsx'

/**
 * The statements of one text, each with its number, its kind, what it does and what became of it. `whole`: nothing is folded, for whoever
 * decides. `recorded`: the texts are from a recording.
 */
export function Statements({
  statements,
  states,
  protocol,
  whole = false,
  recorded = false,
}: {
  statements: readonly BatchStatement[]
  states?: readonly StatementState[] | undefined
  protocol: string
  whole?: boolean
  recorded?: boolean
}) {
  const [isOpen, setOpen] = useState(false)
  const shown = whole || isOpen ? statements : statements.slice(0, MAX_SHOWN)
  return (
    <>
      <ol class="statements" aria-label={`${count(statements.length, 'statement')}, as one text`}>
        {shown.map((statement, at) => (
          <li key={at} class={states?.[at]?.state.replace(' ', '-')}>
            <Statement
              statement={statement}
              label={`Statement ${at + 1}`}
              number={`${at + 1} of ${statements.length}`}
              state={states?.[at]}
              protocol={protocol}
              whole={whole}
              recorded={recorded}
            />
          </li>
        ))}
      </ol>
      {shown.length < statements.length && (
        <p class="note warn small row">
          {count(statements.length - shown.length, 'more statement')} in this text.
          <button type="button" class="link" onClick={() => setOpen(true)}>
            Show all {statements.length}
          </button>
        </p>
      )}
    </>
  )
}

function Statement({
  statement: { text, kind, effect },
  label,
  number,
  state,
  protocol,
  whole,
  recorded,
}: {
  statement: BatchStatement
  label: string
  number: string
  state: StatementState | undefined
  protocol: string
  whole: boolean
  recorded: boolean
}) {
  const [isOpen, setOpen] = useState(false)
  const lines = text.split('\n')
  const isCut = !whole && !isOpen && (lines.length > MAX_LINES || text.length > MAX_TEXT)
  const shown = isCut ? lines.slice(0, MAX_LINES).join('\n').slice(0, MAX_TEXT) : text
  return (
    <>
      <p class="small row">
        <span class="soft">{number}</span>
        <strong>
          <Text>{kind}</Text>
        </strong>
        <span class={/not verifiable|without WHERE/.test(effect) ? 'note warn' : ''}>
          <Text>{effect}</Text>
        </span>
        {state !== undefined && state.state !== '' && (
          <span>
            <StateBadge state={state.state} /> <Text>{state.detail}</Text>
          </span>
        )}
      </p>
      {recorded ? (
        <pre>
          <Tokens text={shown} language={wordsOf(protocol).language} recorded />
        </pre>
      ) : (
        <Code text={shown} protocol={protocol} label={label} />
      )}
      {isCut && (
        <p class="small">
          <button type="button" class="link" onClick={() => setOpen(true)}>
            Show the whole statement ({count(lines.length, 'line')}, {count(text.length, 'character')})
          </button>
        </p>
      )}
    </>
  )
}

/** Of a list that is not decided on. */
const MAX_SHOWN = 8
/** Of one statement. */
const MAX_LINES = 6
const MAX_TEXT = 600
