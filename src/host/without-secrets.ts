import type { MaskedKind, MaskingPlan } from '../masking/plan.ts'
import { findKinds } from '../masking/replace.ts'

/** Of a session: what it hides, and what stands for it in the record. */
interface Keeping {
  readonly masking: Pick<MaskingPlan, 'kinds'>
  commitment(text: string): string
}

/** Values of masked kinds, and what stands where passwords stand, are replaced by a commitment before they are kept. */
export function withoutSecrets(text: string, session: Keeping): string {
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
