import type { Judgement } from '../policy/decide.ts'
import type { Policy } from '../policy/policy.ts'
import type { CommandDigest } from './command-digest.ts'
import { commandEntry, type CommandEntry, type CommandLog } from './command-log.ts'
import type { CommandDraft, RepeatedCommand } from './engine.ts'

interface Parts {
  readonly draft: CommandDraft
  /** What `rules` decided on it. */
  readonly judgement: Judgement & { readonly type: 'allow' }
  readonly rules: Policy
  /** The rules currently in force. */
  readonly policy: () => Policy
  /** Whether the session has ended. */
  readonly isOver: () => boolean
  readonly digest: CommandDigest
  readonly log: CommandLog
}

/** An allowed command that is sent repeatedly with different parameters. What is the same each time is computed once. */
export class AllowedCommand implements RepeatedCommand {
  readonly #policy: () => Policy
  readonly #rules: Policy
  readonly #isOver: () => boolean
  readonly #log: CommandLog
  readonly #entry: CommandEntry
  readonly #digestOf: ReturnType<CommandDigest['repeated']>
  readonly #textDigest: ReturnType<CommandDigest['repeatedText']>

  constructor({ draft, judgement, rules, policy, isOver, digest, log }: Parts) {
    this.#policy = policy
    this.#rules = rules
    this.#isOver = isOver
    this.#log = log
    this.#entry = commandEntry(draft, judgement, rules.language)
    this.#digestOf = digest.repeated(draft, rules.version)
    this.#textDigest = digest.repeatedText(draft, rules.version)
  }

  get isAllowed(): boolean {
    return this.#policy() === this.#rules && !this.#isOver()
  }

  record(parameters: CommandDraft['parameters'], recorded: CommandDraft['parameters'], inTransaction: boolean): string {
    return this.#log.add(this.#entry, { parameters: recorded }, this.#digestOf(parameters, inTransaction))
  }

  recordText(text: string, recorded: string, inTransaction: boolean): string {
    return this.#log.add({ ...this.#entry, text: recorded }, NO_PARAMETERS, this.#textDigest(text, inTransaction))
  }
}

const NO_PARAMETERS = { parameters: [] }
