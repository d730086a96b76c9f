import { useEffect, useRef, useState } from 'preact/hooks'
import type { DraftProblems as Problems, ReplayLine } from '../../../src/api/schemas/policy.ts'
import type { PamError } from '../../../src/shared/errors.ts'
import { Link } from '../../app/router.tsx'
import { Ago, Badge, Problem } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api, asProblem } from '../../lib/client.ts'
import { count } from '../../lib/format.ts'
import { VERDICTS } from './page.tsx'

type Changed = Extract<ReplayLine, { type: 'changed' }>
type Done = Extract<ReplayLine, { type: 'done' }>
type ReplayQuestion = Parameters<typeof api.policy.replay>[0]

/** Replays a draft of the command rules against the commands of the last days. */
export function ReplayRules() {
  const [draft, setDraft] = useState('')
  const [days, setDays] = useState('7')
  const editor = useRef<HTMLTextAreaElement>(null)
  const problems = useProblems(draft)
  const replay = useReplay()
  const start = (event: Event): void => {
    event.preventDefault()
    replay.start({ days: Number(days), ...(draft.trim() === '' ? {} : { draft }) })
  }
  return (
    <section class="card" aria-labelledby="replay">
      <h2 id="replay">Replay rules against past commands</h2>
      <form class="stack" onSubmit={start}>
        <label>
          Draft command rules (default: the rules in force)
          <textarea
            class="code"
            rows={8}
            spellcheck={false}
            value={draft}
            placeholder={EXAMPLE}
            ref={editor}
            aria-invalid={problems.length > 0}
            onInput={({ currentTarget }) => setDraft(currentTarget.value)}
          />
        </label>
        {problems.length > 0 && <DraftProblems problems={problems} editor={editor.current} />}
        <div class="row">
          <label>
            Days to look back
            <input
              type="number"
              min={1}
              max={90}
              value={days}
              onInput={({ currentTarget }) => setDays(currentTarget.value)}
            />
          </label>
          <button type="submit" class="primary" disabled={replay.busy}>
            Run
          </button>
          {replay.busy && (
            <button type="button" onClick={replay.stop}>
              Stop
            </button>
          )}
        </div>
      </form>
      {replay.progress !== undefined && (
        <p class="soft small" role="status">
          {replay.progress}
        </p>
      )}
      {replay.error !== undefined && <Problem error={replay.error} />}
      {replay.done !== undefined && <Summary done={replay.done} />}
      {replay.changed.length > 0 && <Changes changed={replay.changed} />}
      {replay.done?.cut === true && (
        <p class="soft small">Only the first changes are shown; narrow the draft or the days to see the rest.</p>
      )}
    </section>
  )
}

/** What is wrong with the draft, a moment after the last key. */
function useProblems(draft: string): Problems {
  const [problems, setProblems] = useState<Problems>([])
  useEffect(() => {
    if (draft.trim() === '') return setProblems([])
    let isStale = false
    const timer = setTimeout(() => {
      // If it cannot be checked now, running it says why.
      api.policy.checkDraft(draft).then(
        (found) => {
          if (!isStale) setProblems(found.problems)
        },
        () => {},
      )
    }, PAUSE_MS)
    return () => {
      isStale = true
      clearTimeout(timer)
    }
  }, [draft])
  return problems
}

function DraftProblems({ problems, editor }: { problems: Problems; editor: HTMLTextAreaElement | null }) {
  const show = (line: number): void => {
    if (editor === null) return
    const lines = editor.value.split('\n')
    const start = lines.slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0)
    editor.focus()
    editor.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0))
  }
  return (
    <ul class="problems note bad small" role="status" aria-label="Problems of the draft">
      {problems.map(({ line, message }, index) => (
        <li key={index}>
          <button type="button" class="link" onClick={() => show(line)}>
            Line {line}
          </button>
          : <Text>{message}</Text>
        </li>
      ))}
    </ul>
  )
}

/** Runs one replay at a time, and holds its results so far. */
function useReplay() {
  const [changed, setChanged] = useState<readonly Changed[]>([])
  const [progress, setProgress] = useState<string>()
  const [done, setDone] = useState<Done>()
  const [error, setError] = useState<PamError>()
  const [busy, setBusy] = useState(false)
  const running = useRef<AbortController | undefined>(undefined)

  const run = async (asked: ReplayQuestion, signal: AbortSignal): Promise<void> => {
    for await (const line of api.policy.replay(asked, signal)) {
      if (line.type === 'changed') setChanged((before) => [...before, line])
      else if (line.type === 'progress')
        setProgress(`${line.sessions} of ${line.of} sessions, ${count(line.commands, 'command')}`)
      else setDone(line)
    }
  }
  const stop = (): void => running.current?.abort()
  const start = (asked: ReplayQuestion): void => {
    stop()
    running.current = new AbortController()
    const { signal } = running.current
    setChanged([])
    setDone(undefined)
    setError(undefined)
    setProgress('starting')
    setBusy(true)
    run(asked, signal)
      .catch((problem: unknown) => {
        if (!signal.aborted) setError(asProblem(problem))
      })
      .finally(() => {
        setBusy(false)
        setProgress(undefined)
      })
  }
  return { changed, progress, done, error, busy, start, stop }
}

function Summary({ done }: { done: Done }) {
  const commands = `${count(done.commands, 'command')} in ${count(done.sessions, 'session')}`
  return (
    <p class="note" role="status" data-testid="replayed">
      {Object.keys(done.changed).length === 0
        ? `Nothing would have changed: ${commands}.`
        : `Of ${commands}: ${summaryOf(done)}.`}
      {done.notJudged > 0 && ` ${count(done.notJudged, 'command')} could not be evaluated from the recordings.`}
    </p>
  )
}

/** Each command for which the draft gives another verdict, with a link to its session. */
function Changes({ changed }: { changed: readonly Changed[] }) {
  return (
    <ol class="timeline" aria-label="What would have changed">
      {changed.map((line, index) => (
        <li key={index} class={`command ${line.after.verdict}`}>
          <Link to={`/sessions/${encodeURIComponent(line.session)}?at=${line.ms}`} class="small">
            <Ago time={line.at} />
          </Link>
          <div>
            <pre>
              <Text recorded>{line.text}</Text>
            </pre>
            <p class="small">
              <Text>{`${line.person} on ${line.target}: `}</Text>
              {VERDICTS[line.before.verdict][0]} →{' '}
              <Badge tone={VERDICTS[line.after.verdict][1]}>{VERDICTS[line.after.verdict][0]}</Badge>{' '}
              <Text>{[line.after.rule, line.after.message].filter((part) => part !== undefined).join(': ')}</Text>
            </p>
          </div>
        </li>
      ))}
    </ol>
  )
}

/** `would have held 14, denied 3`. */
function summaryOf({ changed }: Done): string {
  const sums = new Map<string, number>()
  for (const [what, times] of Object.entries(changed)) {
    const after = what.split(' to ')[1] as keyof typeof WORDS
    sums.set(WORDS[after], (sums.get(WORDS[after]) ?? 0) + times)
  }
  return `these rules would have ${[...sums].map(([word, times]) => `${word} ${times}`).join(', ')}`
}

const WORDS = { allow: 'allowed', deny: 'denied', hold: 'held' } as const
const PAUSE_MS = 500
const EXAMPLE = `commands:
  - name: deletes wait
    match: { kinds: [delete] }
    hold: { approvers: { groups: [sre] } }
  - name: everything else
    match: { unknown: true }
    allow: true`
