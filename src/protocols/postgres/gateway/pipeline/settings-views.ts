import { FIRST_USER_OID } from '../../catalog/catalog.ts'
import { CLASSES } from '../../catalog/catalog-tables.ts'
import type { SharedDefinitions } from '../../catalog/shared-definitions.ts'
import { OwnQueryFailed, shieldedQueries, type ShieldedPort } from './gateway-query.ts'

/**
 * Whether users have views or rules of pg_settings. While they have none, an UPDATE is of that view only where it names it, whatever else the
 * catalogs say.
 */
export class SettingsViews {
  readonly #port: ShieldedPort
  readonly #definitions: SharedDefinitions

  constructor(port: ShieldedPort, definitions: SharedDefinitions) {
    this.#port = port
    this.#definitions = definitions
  }

  /** Asks the target, while nothing of the client's is in flight; again where others change definitions meanwhile. What cannot be told may be. */
  async mayExist(): Promise<boolean> {
    const { status, batchOpen } = this.#port
    for (let times = 1; ; times++) {
      const { changes } = this.#definitions
      try {
        const [rows] = await shieldedQueries(this.#port, [FIND])
        const [found, isolation] = rows?.[0] ?? []
        if (found !== 'false') return true
        // The snapshot of a transaction may be older than what names are resolved with.
        if ((status !== 'I' || batchOpen) && isolation !== 'read committed') return true
      } catch (error) {
        if (error instanceof OwnQueryFailed) return true
        throw error
      }
      if (this.#definitions.changes === changes) return false
      if (times === MAX_TIMES) return true
    }
  }
}

/** By what the rules of views depend on; those of the system have lower numbers. */
const FIND = {
  sql: `select exists(select from pg_catalog.pg_depend d where d.refclassid operator(pg_catalog.=) ${CLASSES['pg_class']}::pg_catalog.oid and d.refobjid operator(pg_catalog.=) 'pg_catalog.pg_settings'::pg_catalog.regclass and d.classid operator(pg_catalog.=) ${CLASSES['pg_rewrite']}::pg_catalog.oid and d.objid operator(pg_catalog.>=) $1::pg_catalog.oid)::pg_catalog.text, pg_catalog.current_setting('transaction_isolation')`,
  parameter: String(FIRST_USER_OID),
}
const MAX_TIMES = 5
