import type { Relation, RelationCatalog } from './catalog.ts'

/** These, and what their rows are read from or stored in: tables behind views, parents, partitions. */
export function around<R extends Relation>(relations: Iterable<R>, catalog: RelationCatalog<R>): readonly R[] {
  const all = new Set(relations)
  for (const relation of all) {
    for (const oid of [...relation.viewOf, ...relation.related]) {
      const other = catalog.byOid.get(oid)
      if (other !== undefined) all.add(other)
    }
  }
  return [...all]
}
