import { FIRST_USER_OID } from '../../catalog/catalog.ts'
import { CLASSES } from '../../catalog/catalog-tables.ts'
import type { Participant, SharedDefinitions } from '../../catalog/shared-definitions.ts'
import { OwnQueryFailed, shieldedQueries, type ShieldedPort } from './gateway-query.ts'

type SettingsPort = ShieldedPort & Participant

/**
 * Whether users have views or rules of pg_settings. While they have none, an UPDATE is of that view only where it names it, whatever else the
 * catalogs say. What others change meanwhile counts where it says that it makes rules. Code of unknown effect does not: whoever may run an
 * UPDATE here that is not read may run any code, as its triggers are, and that moves settings without such a view.
 */
export class SettingsViews {
  readonly #port: SettingsPort
  readonly #definitions: SharedDefinitions

  constructor(port: SettingsPort, definitions: SharedDefinitions) {
    this.#port = port
    this.#definitions = definitions
  }

  /** Asks the target, while nothing of the client's is in flight; again where others make rules meanwhile. What cannot be told may be. */
  async mayExist(): Promise<boolean> {
    const { status, batchOpen } = this.#port
    for (let times = 1; ; times++) {
      if (this.#definitions.othersMakingRules(this.#port).length > 0) return true
      const { rulesMade } = this.#definitions
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
      if (this.#definitions.rulesMade === rulesMade) return false
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
