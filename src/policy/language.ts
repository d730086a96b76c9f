import type { Statement } from './command.ts'
import type { CommandEffect, StatementMatch } from './match/match.ts'
import { matchesKind, type ProtocolPolicy, type Vocabulary } from './vocabulary.ts'

/** All that rules can say, by type of target. */
export class PolicyLanguage {
  readonly protocols: Readonly<Record<string, ProtocolPolicy>>
  readonly vocabularies: readonly Vocabulary[]
  readonly #byTag: ReadonlyMap<string, Vocabulary>

  constructor(protocols: Readonly<Record<string, ProtocolPolicy>>) {
    this.protocols = protocols
    this.vocabularies = [
      ...new Set(Object.values(protocols).flatMap(({ vocabulary, within = [] }) => [vocabulary, ...within])),
    ]
    this.#byTag = new Map(this.vocabularies.map((vocabulary) => [vocabulary.type, vocabulary]))
    this.#needOneMeaning((vocabulary) => [vocabulary.type], 'tag')
    this.#needOneMeaning(({ fields }) => Object.keys(fields), 'word of match')
    this.#needOneMeaning(({ variables }) => Object.keys(variables), 'variable')
  }

  /** A rule does not say which vocabulary it speaks: a name that two of them had would be checked, and read, as the last one's. */
  #needOneMeaning(namesOf: (vocabulary: Vocabulary) => readonly string[], what: string): void {
    const owners = new Map<string, Vocabulary>()
    for (const vocabulary of this.vocabularies) {
      for (const name of namesOf(vocabulary)) {
        const owner = owners.get(name)
        if (owner !== undefined)
          throw new Error(`the ${what} "${name}" belongs to both ${owner.about} and ${vocabulary.about}`)
        owners.set(name, vocabulary)
      }
    }
  }

  get types(): readonly string[] {
    return Object.keys(this.protocols)
  }

  /** Throws for a tag that no protocol has: what nothing speaks for, nothing may allow. */
  of(statement: Statement): Vocabulary {
    const vocabulary = this.#byTag.get(statement.type)
    if (vocabulary === undefined) throw new Error(`no protocol speaks for statements of type ${statement.type}`)
    return vocabulary
  }

  forTarget(type: string): ProtocolPolicy {
    const policy = this.protocols[type]
    if (policy === undefined) throw new Error(`there are no targets of type ${type}`)
    return policy
  }

  /** The vocabularies that may speak of commands on targets of a type. */
  spokenOn(type: string): readonly Vocabulary[] {
    const { vocabulary, within = [] } = this.forTarget(type)
    return [vocabulary, ...within]
  }

  /** The words of a match that only one vocabulary has, by vocabulary. */
  wordsOf(match: StatementMatch): ReadonlyMap<Vocabulary, readonly string[]> {
    const named = Object.keys(match).filter((word) => match[word] !== undefined)
    const words = this.vocabularies.map(
      (vocabulary) => [vocabulary, named.filter((word) => Object.hasOwn(vocabulary.fields, word))] as const,
    )
    return new Map(words.filter(([, own]) => own.length > 0))
  }

  /** Whose commands a rule is about, where none of them is one of targets of this type. */
  aboutOthers(
    rule: { readonly match: StatementMatch; readonly targetType?: string | undefined },
    type: string,
  ): readonly string[] {
    const own = this.spokenOn(type)
    const others = [...this.wordsOf(rule.match).keys()].filter((other) => !own.includes(other))
    if (others.length > 0) return others.map(({ about }) => about)
    if (rule.targetType !== undefined && rule.targetType !== type)
      return [this.forTarget(rule.targetType).vocabulary.about]
    const { kinds } = rule.match
    if (kinds === undefined || kinds.some((kind) => this.kindsNamed(kind, [type]).length > 0)) return []
    return [
      ...new Set(
        this.types
          .filter((other) => kinds.some((kind) => this.kindsNamed(kind, [other]).length > 0))
          .map((other) => this.forTarget(other).vocabulary.about),
      ),
    ]
  }

  /**
   * Whether what a rule names is in a statement; a rule that names words of another vocabulary is not about it, unless they speak of what
   * the statement happens in.
   */
  matches(match: StatementMatch, effect: CommandEffect['type'], statement: Statement): boolean {
    const vocabulary = this.of(statement)
    const { within } = statement
    const around = within === undefined ? undefined : this.of(within)
    let ofAround: Record<string, StatementMatch[string]> | undefined
    for (const word in match) {
      if (match[word] === undefined || word === 'kinds' || word === 'unknown') continue
      if (Object.hasOwn(vocabulary.fields, word)) continue
      if (around === undefined || !Object.hasOwn(around.fields, word)) return false
      ofAround = { ...ofAround, [word]: match[word] }
    }
    if (!vocabulary.matches(match, effect, statement)) return false
    if (within === undefined || around === undefined || ofAround === undefined) return true
    // Kinds, and whether the effect is known, were those of the statement itself.
    return around.matches({ ...ofAround, kinds: within.kinds, unknown: effect !== 'deny' }, effect, within)
  }

  /** What conditions may ask of a statement, and of what it happens in; undefined where something cannot be told. */
  valuesOf(statement: Statement): Readonly<Record<string, unknown>> | undefined {
    const own = this.of(statement).values(statement)
    if (own === undefined || statement.within === undefined) return own
    const around = this.valuesOf(statement.within)
    return around === undefined ? undefined : { ...around, ...own }
  }

  /** What conditions may ask of other ways in which the target may read a statement, each in full. */
  otherValuesOf(statement: Statement): readonly Readonly<Record<string, unknown>>[] {
    const { kinds, reads, writes, unknown } = statement
    const others = this.of(statement).otherValues?.(statement) ?? []
    return others.map((own) => ({ kinds, reads, writes, unknown, ...own }))
  }

  /** A match of the configuration, with the kinds that it means as well. */
  completed(match: StatementMatch): StatementMatch {
    const also = this.vocabularies.flatMap(({ alsoKinds }) =>
      (match.kinds ?? []).flatMap((kind) => alsoKinds[kind] ?? []),
    )
    return also.length === 0 ? match : { ...match, kinds: [...(match.kinds ?? []), ...also] }
  }

  /** The kinds that a pattern stands for on targets of these types. */
  kindsNamed(pattern: string, types: readonly string[] = this.types): string[] {
    return types.flatMap((type) => this.forTarget(type).kinds.filter((kind) => matchesKind(pattern, kind)))
  }
}
