import type { Facts } from '../policy/command.ts'
import { canonicalJson, type Json } from '../shared/canonical-json.ts'
import type { HmacKey } from '../shared/hmac.ts'
import type { CommandDraft } from './engine.ts'

/** Everything an approval covers besides the command itself. */
export interface DigestScope {
  readonly session: string
  readonly person: string
  readonly target: string
  readonly account: string
  readonly policy: string
}

/**
 * Keyed digest of what would run, where, as whom, under which rules: the canonical JSON of all of it. Any difference gives
 * another digest. It is made for every command, so that the parts that repeat are written once.
 */
export function commandDigest(key: HmacKey, scope: DigestScope, draft: CommandDraft): string {
  const { session, person, target, account, policy } = scope
  const text = JSON.stringify
  return key.hex(
    `{"account":${text(account)},"context":${canonicalJson(draft.context)},"facts":${factsText(draft.facts)},` +
      `"parameters":${text(draft.parameters)},"person":${text(person)},"policy":${text(policy)},` +
      `"session":${text(session)},"target":${text(target)},"text":${text(draft.text)}}`,
  )
}

/** What a text does is the same object each time the text comes again. */
function factsText(facts: Facts): string {
  const known = texts.get(facts.statements)
  if (known?.type === facts.type) return known.text
  const text = canonicalJson(facts as unknown as Json)
  texts.set(facts.statements, { type: facts.type, text })
  return text
}

const texts = new WeakMap<object, { readonly type: string; readonly text: string }>()
