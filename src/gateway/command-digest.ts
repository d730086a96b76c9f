import { createHmac } from 'node:crypto'
import { canonicalJson, type Json } from '../shared/canonical-json.ts'
import type { CommandDraft } from './engine.ts'

/** Everything an approval covers besides the command itself. */
export interface DigestScope {
  readonly session: string
  readonly person: string
  readonly target: string
  readonly account: string
  readonly policy: string
}

/** Keyed digest of what would run, where, as whom, under which rules. Any difference gives another digest. */
export function commandDigest(key: Uint8Array, scope: DigestScope, draft: CommandDraft): string {
  const covered = {
    ...scope,
    text: draft.text,
    parameters: draft.parameters,
    facts: draft.facts,
    context: draft.context,
  }
  return createHmac('sha256', key)
    .update(canonicalJson(covered as unknown as Json))
    .digest('hex')
}
