import type { Relation, RelationCatalog } from './catalog.ts'

/** These relations, and those that their rows are read from or stored in: tables behind views, parents, partitions. */
export function withSources<R extends Relation>(relations: Iterable<R>, catalog: RelationCatalog<R>): readonly R[] {
  const all = new Set(relations)
  for (const relation of all) {
    for (const oid of [...relation.viewOf, ...relation.related]) {
      const other = catalog.byOid.get(oid)
      if (other !== undefined) all.add(other)
    }
  }
  return [...all]
}

/** Relations for which `withSources` contains one that meets a condition: computed for the whole catalog at once, by following its edges backwards. */
export function whoseSourcesInclude<R extends Relation>(
  isOne: (relation: R) => boolean,
  catalog: RelationCatalog<R>,
): ReadonlySet<number> {
  const behind = new Map<number, number[]>()
  const found = new Set<number>()
  for (const [oid, relation] of catalog.byOid) {
    if (isOne(relation)) found.add(oid)
    for (const other of [...relation.viewOf, ...relation.related]) {
      const those = behind.get(other)
      if (those === undefined) behind.set(other, [oid])
      else those.push(oid)
    }
  }
  for (const oid of found) for (const other of behind.get(oid) ?? []) found.add(other)
  return found
}
