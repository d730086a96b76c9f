import { escapeMarks } from '../../../shared/commitment.ts'
import type { HostFacts } from '../../../host/command/facts.ts'
import {
  withoutSecrets,
  withoutSecretsInCommand,
  withoutSecretsOf,
  withoutSecretsOfCommand,
} from '../../../host/without-secrets.ts'
import type { PamError } from '../../../shared/errors.ts'
import type { CommandDraft, Session } from '../../../gateway/engine.ts'

export interface HostCommand {
  readonly text: string
  readonly facts: HostFacts
  /** What the effect depends on besides the text. */
  readonly context: Readonly<Record<string, string>>
  readonly notes?: readonly string[]
  /** Refused whatever policy says. */
  readonly refusal?: PamError | undefined
}

/** Something that happens on a host, as the session judges, records and holds it. `again` looks at it once more. */
export function draftOf(
  command: HostCommand,
  session: Session,
  again: () => Promise<HostCommand> = () => Promise.resolve(command),
): CommandDraft {
  const { text, facts, context, notes = [], refusal } = command
  const isKnown = facts.statements.every(({ unknown }) => unknown.length === 0)
  const [kept, beside] =
    facts.type === 'exec'
      ? [withoutSecretsInCommand(text, session, isKnown), withoutSecretsOfCommand(text, session, isKnown)]
      : [withoutSecrets(text, session), withoutSecretsOf(text, session)]
  return {
    text,
    parameters: [],
    facts,
    recorded: {
      text: escapeMarks(kept),
      parameters: [],
      keep: (said) => escapeMarks(beside(said)),
    },
    comparisons: [],
    notes: () => notes,
    estimate: () => Promise.resolve(undefined),
    refusal,
    context,
    inTransaction: false,
    again: async () => draftOf(await again(), session, again),
  }
}
