import type { Judgement } from '../policy/decide.ts'
import type { PolicyLanguage } from '../policy/language.ts'
import type { CommandEvent } from '../recording/event.ts'
import type { Recorder } from '../recording/recorder.ts'
import type { Clock } from '../shared/clock.ts'
import { newId } from '../shared/id.ts'
import { codeOf } from './command-judge.ts'
import { summaryOf } from './command-summary.ts'
import type { CommandDraft, Recordable } from './engine.ts'
import type { CommandTally, RecentCommand } from './session-registry.ts'

/** Records the commands of a session, counts them, and remembers the last ones for approvers. */
export class CommandLog {
  readonly #recorder: Recorder
  readonly #clock: Clock
  readonly #recent: RecentCommand[] = []
  readonly #tally = { commands: 0, denied: 0, held: 0 }

  constructor(recorder: Recorder, clock: Clock) {
    this.#recorder = recorder
    this.#clock = clock
  }

  get tally(): CommandTally {
    return this.#tally
  }

  get last(): RecentCommand | undefined {
    return this.#recent.at(-1)
  }

  /** Records the intent, before anything of the command goes upstream. Returns the id of the decision. */
  record(
    draft: CommandDraft,
    judgement: Judgement,
    { digest, language }: { readonly digest: string; readonly language: PolicyLanguage },
  ): string {
    return this.add(commandEntry(draft, judgement, language), draft.recorded, digest)
  }

  /** The same for a command recorded before, with other parameters. */
  add(entry: CommandEntry, { parameters, detached }: Omit<Recordable, 'text'>, digest: string): string {
    const id = newId('dec')
    const { verdict, text } = entry
    this.#count(verdict)
    this.#recent.push({ id, at: this.#clock.now(), text: text.slice(0, MAX_RECENT_TEXT), verdict })
    if (this.#recent.length > MAX_RECENT) this.#recent.shift()
    this.#recorder.intent({
      type: 'command',
      id,
      verdict,
      rule: entry.rule,
      code: entry.code,
      message: entry.message,
      text,
      apart: detached === undefined ? undefined : this.#recorder.detach(detached),
      parameters: parameters.length === 0 ? undefined : parameters,
      digest,
      kinds: entry.kinds,
      reads: entry.reads,
      writes: entry.writes,
      unknown: entry.unknown,
      operations: entry.operations,
    })
    return id
  }

  #count(verdict: CommandEvent['verdict']): void {
    this.#tally.commands++
    if (verdict === 'deny') this.#tally.denied++
    else if (verdict === 'hold') this.#tally.held++
  }

  /** The last commands before one, newest last; all that are remembered where it is not among them. */
  before(decision: string | undefined): readonly RecentCommand[] {
    const at = this.#recent.findIndex(({ id }) => id === decision)
    return at < 0 ? this.#recent : this.#recent.slice(0, at)
  }
}

/** What the record says of a command, but for its parameters and what is new each time. */
export type CommandEntry = Omit<CommandEvent, 'type' | 'id' | 'apart' | 'parameters' | 'digest'>

export function commandEntry(draft: CommandDraft, judgement: Judgement, language: PolicyLanguage): CommandEntry {
  const { kinds, operations, ...said } = summaryOf(draft.facts.statements, language)
  const { keep } = draft.recorded
  const kept = (texts: readonly string[]): readonly string[] => (keep === undefined ? texts : texts.map(keep))
  const unknown = kept(said.unknown)
  const denial = judgement.type === 'deny' ? judgement : undefined
  return {
    verdict: judgement.type,
    rule: judgement.rule,
    code: denial && codeOf(denial, draft),
    message: denial && (keep?.(denial.message) ?? denial.message),
    text: draft.recorded.text,
    kinds,
    reads: kept(said.reads),
    writes: kept(said.writes),
    unknown: unknown.length === 0 ? undefined : unknown,
    operations: operations.length === 0 ? undefined : operations,
  }
}

/** How many earlier commands an approver is shown, and how many characters of each. */
const MAX_RECENT = 11
const MAX_RECENT_TEXT = 500
