import { useState } from 'preact/hooks'
import type { Explanation, Rules, TrialResult } from '../../../src/api/schemas/policy.ts'
import type { PamError } from '../../../src/shared/errors.ts'
import { Badge, Loading, Problem, Table } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api, asProblem, signIn } from '../../lib/client.ts'
import { useLive } from '../../lib/live.ts'
import { useStore } from '../../lib/store.ts'
import { useData } from '../../lib/use-data.ts'
import { ReplayRules } from './replay-rules.tsx'

/** The rules, a form to try a command, and the replay of rules against past commands. */
export function PolicyPage() {
  const me = useStore(signIn)
  const roles = me.state === 'in' ? me.me.roles : []
  const seesAll = roles.length > 0
  const rules = useData(`rules ${seesAll}`, () => (seesAll ? api.policy.rules() : Promise.resolve(undefined)))
  const targets = useData('targets', () => api.targets())
  useLive((message) => {
    if (message.type !== 'resync' && message.kind !== 'config') return
    rules.reload()
    targets.reload()
  })
  const names = rules.data?.targets ?? targets.data?.map(({ name }) => name) ?? []
  return (
    <>
      <h1>Policy</h1>
      <Try targets={names} groups={rules.data?.groups} />
      {rules.error !== undefined && <Problem error={rules.error} retry={rules.reload} />}
      {targets.error !== undefined && <Problem error={targets.error} retry={targets.reload} />}
      {roles.includes('audit') && <ReplayRules />}
      {seesAll && rules.data === undefined && rules.error === undefined && <Loading what="the rules" />}
      {rules.data !== undefined && <AllRules rules={rules.data} />}
      {!seesAll && <MyRules targets={names} />}
    </>
  )
}

function Try({ targets, groups }: { targets: readonly string[]; groups: readonly string[] | undefined }) {
  const [target, setTarget] = useState('')
  const [command, setCommand] = useState('')
  const [as, setAs] = useState('')
  const [result, setResult] = useState<TrialResult>()
  const [error, setError] = useState<PamError>()
  const [busy, setBusy] = useState(false)
  const chosen = target === '' ? (targets[0] ?? '') : target
  const send = (event: Event): void => {
    event.preventDefault()
    setBusy(true)
    setError(undefined)
    const given = as
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
    const person = given.length === 0 ? {} : { person: { groups: given, kind: 'person' as const } }
    api.policy
      .try({ target: chosen, command, ...person })
      .then(setResult, (problem: unknown) => {
        setResult(undefined)
        setError(asProblem(problem))
      })
      .finally(() => setBusy(false))
  }
  return (
    <section class="card" aria-labelledby="try">
      <h2 id="try">Try a command</h2>
      <form class="stack" onSubmit={send}>
        <div class="filters">
          <TargetSelect targets={targets} chosen={chosen} choose={setTarget} />
          {groups !== undefined && (
            <label>
              Groups of the person
              <input
                list="groups"
                value={as}
                placeholder="default: yours"
                onInput={({ currentTarget }) => setAs(currentTarget.value)}
              />
              <datalist id="groups">
                {groups.map((group) => (
                  <option key={group} value={group} />
                ))}
              </datalist>
            </label>
          )}
        </div>
        <label>
          Command
          <textarea
            class="code"
            value={command}
            required
            spellcheck={false}
            placeholder="delete from orders"
            onInput={({ currentTarget }) => setCommand(currentTarget.value)}
          />
        </label>
        <div class="row">
          <button type="submit" class="primary" disabled={busy || chosen === ''}>
            Try it
          </button>
          <span class="soft small">
            Nothing is executed. In SQL, a name without a schema is looked up in the target’s default schema.
          </span>
        </div>
      </form>
      {error !== undefined && <Problem error={error} />}
      {result !== undefined && <Result result={result} />}
    </section>
  )
}

function Result({ result: { access, judgement, statements, masking = [] } }: { result: TrialResult }) {
  const [word, tone] = VERDICTS[judgement.verdict]
  return (
    <div class="stack" role="status" data-testid="verdict">
      <p>
        <Badge tone={tone}>{word}</Badge>{' '}
        {judgement.rule === undefined ? 'because no rule matches' : <Text>{`by "${judgement.rule}"`}</Text>}
        {judgement.approvers !== undefined && <Text>{`, until approved by ${judgement.approvers}`}</Text>}
        {judgement.message !== undefined && (
          <>
            : <Text>{judgement.message}</Text>
          </>
        )}
      </p>
      {access === undefined ? (
        <p class="note warn small">No access rule grants this target, so no command can run there.</p>
      ) : (
        <p class="small soft">
          Access: {access.grant === 'standing' ? 'standing' : 'on request'}, by <Text>{`"${access.rule}"`}</Text>
        </p>
      )}
      {statements.map((statement, index) => (
        <div key={index} class="stack">
          <p class="small">
            <strong>{statement.kind}</strong>
            {statement.reads.length > 0 && <Text>{`, reads ${statement.reads.join(', ')}`}</Text>}
            {statement.writes.length > 0 && <Text>{`, writes ${statement.writes.join(', ')}`}</Text>}
            {statement.unknown.length > 0 && (
              <span class="note warn">
                <Text>{`cannot determine: ${statement.unknown.join('; ')}`}</Text>
              </span>
            )}
          </p>
          <Table
            caption="Every rule, with its result and the reason"
            rows={statement.rules}
            id={({ rule }) => rule}
            columns={[
              { name: 'Rule', wide: true, cell: ({ rule }) => <Text>{rule}</Text> },
              { name: 'Effect', cell: ({ effect }) => <Badge tone={VERDICTS[effect][1]}>{effect}</Badge> },
              {
                name: 'Result',
                cell: ({ result }) =>
                  result === 'decides' ? (
                    <strong>decides</strong>
                  ) : result === 'fits' ? (
                    'also matches'
                  ) : (
                    'does not match'
                  ),
              },
              { name: 'Why', wide: true, cell: ({ why }) => <Text>{why}</Text> },
            ]}
          />
        </div>
      ))}
      {judgement.verdict !== 'deny' &&
        masking.map(({ rule, text }) => (
          <p key={rule} class="small">
            In results, <Text>{`"${rule}" ${text}`}</Text>.
          </p>
        ))}
    </div>
  )
}

function AllRules({ rules }: { rules: Rules }) {
  return (
    <>
      {(
        [
          ['Access: the first rule that matches decides', rules.access],
          ['Commands: the first rule that matches a statement decides; without one it is denied', rules.commands],
          ['Masking: every rule that matches applies', rules.masking],
        ] as const
      ).map(([title, list]) => (
        <section class="stack" key={title}>
          <h2>{title}</h2>
          {list.length === 0 ? (
            <p class="soft">No rules.</p>
          ) : (
            <ol class="rules card" aria-label={title}>
              {list.map((rule) => (
                <li key={rule.rule}>
                  <strong>
                    <Text>{rule.rule}</Text>
                  </strong>
                  {'effect' in rule && rule.effect !== 'allow' && (
                    <>
                      {' '}
                      <Badge tone={VERDICTS[rule.effect][1]}>{VERDICTS[rule.effect][0]}</Badge>
                    </>
                  )}
                  <br />
                  <Text>{sentenceOf(rule, list === rules.access)}</Text>
                </li>
              ))}
            </ol>
          )}
        </section>
      ))}
      <p class="soft small">
        Version <span class="mono">{rules.version}</span>
      </p>
    </>
  )
}

/** `For everybody on env=prod: denies delete without WHERE.` */
const sentenceOf = ({ about, text }: { about: string; text: string }, isAccess: boolean): string =>
  `For ${about.replace(/^on /, 'everybody on ')}: ${isAccess ? accessOf(text) : text}.`.replace(/([.:])\.$/, '$1')

const accessOf = (text: string): string =>
  text.startsWith('standing') ? text.replace('standing', 'standing access') : `access ${text}`

/** The rules that apply to the user, for one target at a time. */
function MyRules({ targets }: { targets: readonly string[] }) {
  const [target, setTarget] = useState('')
  const chosen = target === '' ? (targets[0] ?? '') : target
  const { data, error } = useData(`explain ${chosen}`, () =>
    chosen === '' ? Promise.resolve(undefined) : api.explain(chosen),
  )
  return (
    <section class="stack">
      <h2>Rules that apply to you</h2>
      {targets.length === 0 ? (
        <p class="soft">No target is available to you.</p>
      ) : (
        <div class="filters">
          <TargetSelect targets={targets} chosen={chosen} choose={setTarget} />
        </div>
      )}
      {error !== undefined && <Problem error={error} />}
      {data !== undefined &&
        (['accessRules', 'commands', 'masking'] as const).map((list) => (
          <Explained key={list} title={TITLES[list]} rules={data[list]} />
        ))}
    </section>
  )
}

function Explained({ title, rules }: { title: string; rules: Explanation['commands'] }) {
  return (
    <div class="stack">
      <h3>{title}</h3>
      <Table
        caption={title}
        rows={rules}
        id={({ rule }) => rule}
        columns={[
          { name: 'Rule', wide: true, cell: ({ rule }) => <Text>{rule}</Text> },
          { name: 'Applies to you', cell: ({ applies }) => (applies ? <Badge tone="good">yes</Badge> : 'no') },
          { name: 'Effect', wide: true, cell: ({ text }) => <Text>{text}</Text> },
        ]}
      />
    </div>
  )
}

function TargetSelect({
  targets,
  chosen,
  choose,
}: {
  targets: readonly string[]
  chosen: string
  choose: (name: string) => void
}) {
  return (
    <label>
      Target
      <select value={chosen} onChange={({ currentTarget }) => choose(currentTarget.value)}>
        {targets.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}

const TITLES = { accessRules: 'Access', commands: 'Commands', masking: 'Masking' } as const

export const VERDICTS = {
  allow: ['allowed', 'good'],
  deny: ['denied', 'bad'],
  hold: ['held', 'warn'],
} as const
