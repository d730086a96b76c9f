import { escapeMarks } from '../../../shared/commitment.ts'
import type { HostFacts } from '../command/facts.ts'
import { findKinds } from '../../../masking/replace.ts'
import type { MaskedKind } from '../../../masking/plan.ts'
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
  return {
    text,
    parameters: [],
    facts,
    recorded: { text: escapeMarks(withoutSecrets(text, session)), parameters: [] },
    comparisons: [],
    notes: () => notes,
    estimate: () => Promise.resolve(undefined),
    refusal,
    context,
    inTransaction: false,
    again: async () => draftOf(await again(), session, again),
  }
}

/** Values of masked kinds, and what stands where passwords stand, are replaced by a commitment before they are kept. */
export function withoutSecrets(text: string, session: Pick<Session, 'masking' | 'commitment'>): string {
  const kinds = [...session.masking.kinds, ...ALWAYS]
  const spans = findKinds(text, kinds).map(({ start, end }) => ({ start, end }))
  for (const match of text.matchAll(PASSWORDS)) {
    const start = match.index + match[0].length - (match[1] ?? '').length
    if (!spans.some((span) => start < span.end && match.index + match[0].length > span.start))
      spans.push({ start, end: match.index + match[0].length })
  }
  let hidden = ''
  let at = 0
  for (const { start, end } of spans.toSorted((one, other) => one.start - other.start)) {
    hidden += `${text.slice(at, start)}<secret ${session.commitment(text.slice(start, end))}>`
    at = end
  }
  return hidden + text.slice(at)
}

const ALWAYS: readonly MaskedKind[] = (['jwt', 'private-key', 'cloud-key'] as const).map((kind) => ({
  kind,
  style: 'redact',
  hashScope: 'session',
}))
/** `PGPASSWORD=x`, `--password x`, `token: x`, `://user:x@`. */
const PASSWORDS =
  /(?:(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key)["']?\s*(?:=|:|\s)\s*["']?|authorization:\s*\w+\s+|:\/\/[^\s:/@]{1,64}:(?=[^\s@/]{1,256}@))([^\s"'@;|&]{1,512})/gi
