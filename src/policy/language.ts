import type { Statement } from './command.ts'
import type { CommandEffect, StatementMatch } from './match/match.ts'
import { fitsKind, type ProtocolPolicy, type Vocabulary } from './vocabulary.ts'

/** All that rules can say, by type of target. */
export class PolicyLanguage {
  readonly protocols: Readonly<Record<string, ProtocolPolicy>>
  readonly vocabularies: readonly Vocabulary[]
  readonly #byTag: ReadonlyMap<string, Vocabulary>

  constructor(protocols: Readonly<Record<string, ProtocolPolicy>>) {
    this.protocols = protocols
    this.vocabularies = [...new Set(Object.values(protocols).map(({ vocabulary }) => vocabulary))]
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
    const { vocabulary } = this.forTarget(type)
    const others = [...this.wordsOf(rule.match).keys()].filter((other) => other !== vocabulary)
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

  /** Whether what a rule names is in a statement; a rule that names words of another vocabulary is not about it. */
  matches(match: StatementMatch, effect: CommandEffect['type'], statement: Statement): boolean {
    const vocabulary = this.of(statement)
    for (const word in match) {
      if (
        match[word] !== undefined &&
        word !== 'kinds' &&
        word !== 'unknown' &&
        !Object.hasOwn(vocabulary.fields, word)
      )
        return false
    }
    return vocabulary.matches(match, effect, statement)
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
    return types.flatMap((type) => this.forTarget(type).kinds.filter((kind) => fitsKind(pattern, kind)))
  }
}
