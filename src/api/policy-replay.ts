import { decideCommand, type Judgement } from '../policy/decide.ts'
import type { Command, Facts, Person, Target } from '../policy/command.ts'
import type { Policy } from '../policy/policy.ts'
import type { ReadEvent } from '../recording/read.ts'
import type { CommandEvent } from '../recording/event.ts'
import type { PamError } from '../shared/errors.ts'
import type { SessionRow } from '../storage/sessions.ts'
import type { ReplayLine } from './schemas/policy.ts'

export interface ReplayParts {
  readonly sessions: AsyncIterable<SessionRow>
  /** How many of them there are. */
  readonly of: number
  readonly policy: Policy
  readonly targets: readonly Target[]
  readonly read: (target: Target, text: string) => Promise<{ facts: Facts; refusal: PamError | undefined }>
  readonly open: (
    session: string,
    onHidden: (seal: { readonly events: number }) => void,
  ) => Promise<AsyncIterable<ReadEvent> | undefined>
  /** The groups that the person was in. */
  readonly groupsOf: (session: SessionRow) => Promise<readonly string[]>
}

/**
 * What the rules would say today of what was run, where that differs. Commands are judged by their text as it is on
 * record: secrets are taken out of it, and names are taken for tables of `public`.
 */
export async function* replayPolicy(parts: ReplayParts): AsyncGenerator<ReplayLine, void, undefined> {
  const changed: Record<string, number> = {}
  const known = new Map<string, Judgement | undefined>()
  let [looked, commands, notJudged, shown] = [0, 0, 0, 0]
  for await (const session of parts.sessions) {
    const target = parts.targets.find(({ name }) => name === session.target)
    const person: Person = { ...session.person, groups: await parts.groupsOf(session) }
    try {
      const events = await parts.open(session.id, ({ events: hidden }) => (notJudged += hidden))
      if (events === undefined) notJudged += session.commands
      else {
        for await (const { event } of events) {
          if (event.type !== 'command') continue
          commands++
          const after = target === undefined ? undefined : await judge(event, person, target)
          if (after === undefined) notJudged++
          else if (after.type !== event.verdict) {
            const what = `${event.verdict} to ${after.type}`
            changed[what] = (changed[what] ?? 0) + 1
            if (shown++ < MAX_SHOWN) yield difference(session, event, after)
          }
        }
      }
    } catch {
      notJudged += session.commands
    }
    looked++
    if (looked % 20 === 0) yield { type: 'progress', sessions: looked, of: Math.max(parts.of, looked), commands }
  }
  yield { type: 'done', sessions: looked, commands, changed, notJudged, cut: shown > MAX_SHOWN }

  async function judge(event: CommandEvent, person: Person, target: Target): Promise<Judgement | undefined> {
    if (event.apart !== undefined) return undefined
    const key = `${person.kind} ${person.groups.join(',')} ${target.name} ${event.text}`
    if (known.has(key)) return known.get(key)
    const judgement = await judgeText(event, person, target).catch(() => undefined)
    if (known.size > MAX_KNOWN) known.clear()
    known.set(key, judgement)
    return judgement
  }

  async function judgeText(event: CommandEvent, person: Person, target: Target): Promise<Judgement> {
    const { facts, refusal } = await parts.read(target, event.text)
    if (refusal !== undefined)
      return { type: 'deny', rule: undefined, code: 'COMMAND_REFUSED', message: refusal.message, hint: refusal.hint }
    const command: Command = {
      protocol: target.type,
      kind: 'statement',
      text: event.text,
      parameters: event.parameters ?? [],
      facts,
    }
    return decideCommand(parts.policy, person, target, command)
  }
}

function difference(
  session: SessionRow,
  event: CommandEvent & { at: string; ms: number },
  after: Judgement,
): ReplayLine {
  const { id, person, target } = session
  return {
    type: 'changed',
    session: id,
    at: event.at,
    ms: event.ms,
    person: person.label,
    target,
    text: event.text.slice(0, 2000),
    before: { verdict: event.verdict, ...(event.rule === undefined ? {} : { rule: event.rule }) },
    after: {
      verdict: after.type,
      ...(after.rule === undefined ? {} : { rule: after.rule }),
      ...(after.type === 'deny' ? { message: after.message } : {}),
    },
  }
}

const MAX_SHOWN = 500
/** Judgements kept while one replay runs: the same text by the same groups is judged once. */
const MAX_KNOWN = 10_000
