import { useState } from 'preact/hooks'
import type { AccessRequest } from '../../../src/api/schemas/access.ts'
import { Badge, Labels } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { count, formatLength } from '../../lib/format.ts'
import {
  hasLabels,
  labelsIn,
  matchingTargets,
  MAX_TARGETS,
  together,
  withLabels,
  type Choice,
  type Filled,
  type Together,
} from './choose.ts'
import { RequestForm } from './request-form.tsx'

/**
 * One request for several targets. They are chosen by name or by label, and each says its rule and its approvers; what cannot be requested says why.
 * What is sent names the targets that the form shows, so that a label that another target gets meanwhile adds nothing.
 */
export function RequestSeveral({
  choices,
  filled,
  sent,
  close,
}: {
  choices: readonly Choice[]
  filled: Filled | undefined
  sent: (request: AccessRequest) => void
  close: () => void
}) {
  const [named, setNamed] = useState<ReadonlySet<string>>(() => new Set(chosenBy(filled, choices)))
  const [filter, setFilter] = useState('')
  // Of what was chosen, one may have been locked or requested meanwhile.
  const chosen = choices.filter(({ target, problem }) => problem === undefined && named.has(target.name))
  const all = together(chosen.map(({ target }) => target))
  const choose = (name: string, isChosen: boolean): void => {
    const changed = new Set(named)
    if (isChosen) changed.add(name)
    else changed.delete(name)
    setNamed(changed)
  }
  const found = matchingTargets(choices, ({ target }) => target, filter)
  return (
    <RequestForm
      label="Request access to several targets"
      action={`Request access to ${count(chosen.length, 'target')}`}
      requested={{
        what: { targets: chosen.map(({ target }) => target.name) },
        longestMs: chosen.length === 0 ? DEFAULT_LONGEST_MS : all.longestMs,
        reasonRequired: all.reasonRequired,
        isReady: chosen.length > 0 && all.problem === undefined,
      }}
      filled={filled}
      sent={sent}
      close={close}
    >
      <div class="pair">
        <label>
          Find a target
          <input
            type="search"
            value={filter}
            placeholder="name, label or rule"
            onInput={({ currentTarget }) => setFilter(currentTarget.value)}
            // The form is not sent before it is read.
            onKeyDown={(event) => event.key === 'Enter' && event.preventDefault()}
          />
        </label>
        <label>
          Choose by label
          <select
            value=""
            onChange={({ currentTarget }) =>
              setNamed(new Set([...named, ...withLabels(choices, labelOf(currentTarget.value))]))
            }
          >
            <option value="">–</option>
            {labelsIn(choices.map(({ target }) => target)).map((label) => (
              <option key={label} value={label}>
                {label}
              </option>
            ))}
          </select>
        </label>
      </div>
      <fieldset class="choices" tabIndex={0}>
        <legend class="visually-hidden">Targets</legend>
        {found.slice(0, MAX_SHOWN).map((choice) => (
          <ChoiceRow
            key={choice.target.name}
            choice={choice}
            isChosen={named.has(choice.target.name)}
            choose={choose}
          />
        ))}
        {found.length === 0 && <p class="soft small">No matching targets.</p>}
        {found.length > MAX_SHOWN && (
          <p class="soft small">{count(found.length - MAX_SHOWN, 'more target')}; find them by name or label.</p>
        )}
      </fieldset>
      <LeftOut filled={filled} choices={choices} />
      <Summary chosen={chosen} all={all} clear={() => setNamed(new Set())} />
    </RequestForm>
  )
}

function ChoiceRow({
  choice: { target, problem, note },
  isChosen,
  choose,
}: {
  choice: Choice
  isChosen: boolean
  choose: (name: string, isChosen: boolean) => void
}) {
  const { name, type, labels, access, rule } = target
  return (
    <label class="check choice">
      <input
        type="checkbox"
        checked={isChosen && problem === undefined}
        disabled={problem !== undefined}
        onChange={({ currentTarget }) => choose(name, currentTarget.checked)}
      />
      <span>
        <span class="row">
          <strong>
            <Text>{name}</Text>
          </strong>
          <Badge>{type}</Badge>
          <Labels labels={labels} />
        </span>
        <span class="small">
          {problem === undefined ? (
            <>
              <Text>{access}</Text>
              {rule !== undefined && (
                <>
                  ; rule <Text>{`"${rule}"`}</Text>
                </>
              )}
              {note !== undefined && <Text>{`; ${note}`}</Text>}
            </>
          ) : (
            <Text>{problem}</Text>
          )}
        </span>
      </span>
    </label>
  )
}

/** What a link asks for and this form does not: silence would look like consent. */
function LeftOut({ filled, choices }: { filled: Filled | undefined; choices: readonly Choice[] }) {
  if (filled === undefined) return null
  const known = new Set(choices.map(({ target }) => target.name))
  const labelled = Object.keys(filled.labels).length > 0
  const refused = choices.flatMap(({ target, problem, note }) => {
    const isNamed = filled.targets.includes(target.name)
    const isAsked = isNamed || (labelled && hasLabels(target, filled.labels))
    const why = problem ?? (isNamed ? undefined : note)
    return isAsked && why !== undefined ? [`${target.name}: ${why}`] : []
  })
  const unknown = filled.targets.filter((name) => !known.has(name)).map((name) => `${name}: not visible to you`)
  const all = [...refused, ...unknown, ...filled.ignored]
  if (all.length === 0) return null
  return (
    <div class="note warn small">
      <p>The link also asks for what is not chosen:</p>
      <ul>
        {all.map((one) => (
          <li key={one}>
            <Text>{one}</Text>
          </li>
        ))}
      </ul>
    </div>
  )
}

function Summary({ chosen, all, clear }: { chosen: readonly Choice[]; all: Together; clear: () => void }) {
  if (chosen.length === 0) return <p class="soft small">Choose the targets.</p>
  return (
    <div class="stack" role="status">
      <p class="small">
        <strong>{count(chosen.length, 'target')}</strong>
        {chosen.length <= MAX_TARGETS && <Text>{`: ${chosen.map(({ target }) => target.name).join(', ')}`}</Text>}.{' '}
        {all.problem === undefined && (
          <>
            One decision for all{all.approvers === undefined ? '' : ', by '}
            <Text>{all.approvers ?? ''}</Text>; an approval gives a grant for each, of at most{' '}
            {formatLength(all.longestMs)}.{' '}
          </>
        )}
        <button type="button" class="link" onClick={clear}>
          Choose none
        </button>
      </p>
      {all.problem !== undefined && (
        <p class="note bad small" role="alert">
          <Text>{all.problem}</Text>
        </p>
      )}
    </div>
  )
}

function chosenBy(filled: Filled | undefined, choices: readonly Choice[]): string[] {
  if (filled === undefined) return []
  const labelled = Object.keys(filled.labels).length > 0 ? withLabels(choices, filled.labels) : []
  return [...filled.targets, ...labelled]
}

function labelOf(text: string): Record<string, string> {
  const at = text.indexOf('=')
  return { [text.slice(0, at)]: text.slice(at + 1) }
}

/** Rows of the list; more are found by their words. */
const MAX_SHOWN = 50
/** While nothing is chosen. */
const DEFAULT_LONGEST_MS = 3_600_000
