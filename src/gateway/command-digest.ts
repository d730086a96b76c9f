import { canonicalJson, type Json } from '../shared/canonical-json.ts'
import type { HmacKey } from '../shared/hmac.ts'
import type { CommandDraft } from './engine.ts'

/** Everything an approval covers besides the command itself, for one session. */
export interface DigestScope {
  readonly session: string
  readonly person: string
  readonly target: string
  readonly account: string
}

/**
 * Keyed digest of what would run, where, as whom and under which rules: any difference gives another digest. Since every command needs one,
 * it is computed in two steps: what depends on the text alone is digested once, and that digest with text and parameters each time.
 */
export class CommandDigest {
  readonly #key: HmacKey
  readonly #scope: DigestScope
  /** Cached by facts: a text that comes again has the same object. */
  readonly #known = new WeakMap<object, Known>()
  #whoUnder: { readonly policy: string; readonly json: string } | undefined

  constructor(key: HmacKey, scope: DigestScope) {
    this.#key = key
    this.#scope = scope
  }

  /** In hexadecimal. `policy` is the version of the rules. */
  of(draft: CommandDraft, policy: string): string {
    const { inTransaction, text, parameters } = draft
    return this.#key.hex(this.#sameEachTime(draft, policy) + JSON.stringify([text, parameters, inTransaction]))
  }

  /** The digest that commands share which differ only in parameters, and in whether they are in a transaction. */
  repeated(draft: CommandDraft, policy: string): (parameters: CommandDraft['parameters'], inside: boolean) => string {
    const digest = this.#key.startingWith(`${this.#sameEachTime(draft, policy)}[${JSON.stringify(draft.text)},`)
    return (parameters, inside) => digest(`${JSON.stringify(parameters)},${inside}]`)
  }

  /** The digest that other texts without parameters share which do the same. */
  repeatedText(draft: CommandDraft, policy: string): (text: string, inside: boolean) => string {
    const digest = this.#key.startingWith(`${this.#sameEachTime(draft, policy)}[`)
    return (text, inside) => digest(`${JSON.stringify(text)},[],${inside}]`)
  }

  #sameEachTime({ facts, context }: CommandDraft, policy: string): string {
    let known = this.#known.get(facts.statements)
    if (known?.type !== facts.type || known.policy !== policy || !sameContext(known.context, context)) {
      // Equal to canonical JSON of the whole, with members in the order of their names.
      const all = `{"account":${JSON.stringify(this.#scope.account)},"context":${canonicalJson(context)},"facts":${factsJson(facts)},${this.#who(policy)}`
      known = { type: facts.type, policy, context, digest: this.#key.hex(all) }
      this.#known.set(facts.statements, known)
    }
    return known.digest
  }

  /** The rest of the object, which only new rules change. */
  #who(policy: string): string {
    if (this.#whoUnder?.policy !== policy) {
      const { person, session, target } = this.#scope
      this.#whoUnder = { policy, json: canonicalJson({ person, policy, session, target }).slice(1) }
    }
    return this.#whoUnder.json
  }
}

/** Cached by facts, which are the same object for a text in every session. */
function factsJson(facts: CommandDraft['facts']): string {
  const known = factsJsons.get(facts.statements)
  if (known?.type === facts.type) return known.json
  const json = canonicalJson(facts as unknown as Json)
  factsJsons.set(facts.statements, { type: facts.type, json })
  return json
}

const factsJsons = new WeakMap<object, { readonly type: string; readonly json: string }>()

interface Known {
  readonly type: string
  readonly policy: string
  readonly context: CommandDraft['context']
  readonly digest: string
}

function sameContext(one: CommandDraft['context'], other: CommandDraft['context']): boolean {
  if (one === other) return true
  const names = Object.keys(one)
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name])
}
