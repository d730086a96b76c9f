import type { Relation } from './catalog.ts'

/**
 * The expressions of these views and generated columns: relation, column (NULL for a view), text, and a value that identifies the
 * definition. Only queried for those that masking needs: unlike all other queries it takes locks on them and on what they read, so
 * relations that are being changed are omitted. Names are qualified if the search path is `pg_catalog`.
 */
export function definitionTexts(relations: readonly Relation[]): string {
  const values = relations.map(
    ({ oid, viewOf }) => `(${oid}::pg_catalog.oid, '{${[oid, ...viewOf].join(',')}}'::pg_catalog.oid[])`,
  )
  const free = `from (values ${values.join(', ')}) v(id, locks) where not exists (select from pg_catalog.pg_locks l where l.locktype operator(pg_catalog.=) 'relation' and l.mode operator(pg_catalog.=) 'AccessExclusiveLock' and l.granted and l.pid operator(pg_catalog.<>) pg_catalog.pg_backend_pid() and l.relation operator(pg_catalog.=) any (v.locks))`
  return `with free as materialized (select v.id ${free}) select c.oid::pg_catalog.text, null, pg_catalog.pg_get_viewdef(c.oid), (select pg_catalog.md5(r.ev_action::pg_catalog.text) from pg_catalog.pg_rewrite r where r.ev_class operator(pg_catalog.=) c.oid and r.rulename operator(pg_catalog.=) '_RETURN'::pg_catalog.name) from free join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) free.id where c.relkind operator(pg_catalog.=) any ('{v,m}'::pg_catalog."char"[]) union all select a.attrelid::pg_catalog.text, a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid), pg_catalog.concat_ws(' ', a.attgenerated, d.oid) from free join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) free.id join pg_catalog.pg_attrdef d on d.adrelid operator(pg_catalog.=) a.attrelid and d.adnum operator(pg_catalog.=) a.attnum where a.attgenerated operator(pg_catalog.<>) ''::pg_catalog."char"`
}
