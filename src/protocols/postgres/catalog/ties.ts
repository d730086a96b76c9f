import type { Tie, TieKind } from '../../../sql/catalog.ts'

interface OpenTie extends Tie {
  readonly own: Set<string>
  readonly others: [number, string][]
}

/** The ties in the rows of `tieRows`, by relation. */
export function tiesOf(rows: readonly (readonly (string | null)[])[]): ReadonlyMap<number, readonly Tie[]> {
  const ties = new Map<number, Map<string, OpenTie>>()
  for (const [relation, name, kind, of, column] of rows) {
    const oid = Number(relation)
    const known = ties.get(oid) ?? new Map<string, OpenTie>()
    ties.set(oid, known)
    const isReferenced = kind === 'referenced'
    const tie = known.get(String(name)) ?? {
      kind: isReferenced ? 'references' : (kind as TieKind),
      own: new Set<string>(),
      others: [],
    }
    known.set(String(name), tie)
    if (Number(of) === oid && !isReferenced) tie.own.add(String(column))
    else tie.others.push([Number(of), String(column)])
  }
  return new Map([...ties].map(([oid, known]) => [oid, [...known.values()]]))
}
