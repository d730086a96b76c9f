import type { Review } from '../../../src/api/schemas/review.ts'

export const GROUPINGS = { '': 'not grouped', person: 'by person', target: 'by target', rule: 'by rule' } as const
export type Grouping = keyof typeof GROUPINGS
export const KINDS = { '': 'everything', command: 'held commands', request: 'requests for access' } as const

export interface Asked {
  readonly filter: string
  readonly kind: string
  readonly by: Grouping
}

/** A client is blocked while its command is held, so those come first; of each kind, the one with the least time left. */
export function byUrgency(reviews: readonly Review[]): Review[] {
  const rank = ({ kind }: Review): number => (kind === 'command' ? 0 : 1)
  return reviews.toSorted(
    (a, b) =>
      rank(a) - rank(b) ||
      Date.parse(a.expiresAt) - Date.parse(b.expiresAt) ||
      Date.parse(a.createdAt) - Date.parse(b.createdAt),
  )
}

/** Those in which every word is somewhere: in the person, the target, its labels, the rule, the reason, the command or an id. */
export function matching(reviews: readonly Review[], { filter, kind }: Asked): Review[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean)
  return reviews.filter((review) => {
    if (kind !== '' && review.kind !== kind) return false
    const { id, requester, target, labels, rule, reason, text, effect, grant } = review
    const all = [id, requester.label, target, rule, reason, text, effect, grant?.reason]
      .concat(Object.entries(labels).map(([name, value]) => `${name}=${value}`))
      .join('\n')
      .toLowerCase()
    return words.every((word) => all.includes(word))
  })
}

/** In the order of their first. */
export function grouped(reviews: readonly Review[], by: Grouping): [name: string, reviews: Review[]][] {
  const groups = new Map<string, Review[]>()
  for (const review of reviews) {
    const name = { '': '', person: review.requester.label, target: review.target, rule: review.rule }[by]
    const known = groups.get(name)
    if (known === undefined) groups.set(name, [review])
    else known.push(review)
  }
  return [...groups]
}

export const groupingOf = (asked: string | null): Grouping =>
  asked === 'person' || asked === 'target' || asked === 'rule' ? asked : ''
