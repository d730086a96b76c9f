import { FIRST_USER_OID } from '../../catalog/catalog.ts'
import { CLASSES } from '../../catalog/catalog-tables.ts'
import type { Participant, SharedDefinitions } from '../../catalog/shared-definitions.ts'
import { OwnQueryFailed, shieldedQueries, type ShieldedPort } from './gateway-query.ts'

type SettingsPort = ShieldedPort & Participant

/**
 * Whether there are user-defined views or rules of pg_settings. While there are none, an UPDATE applies to that view only if it names it,
 * whatever else the catalogs contain. Changes of other sessions count if they create rules. Code of unknown effect does not: a person who
 * may run an unanalysed UPDATE here may run any code, such as its triggers, which can change settings without such a view.
 */
export class SettingsViews {
  readonly #port: SettingsPort
  readonly #definitions: SharedDefinitions

  constructor(port: SettingsPort, definitions: SharedDefinitions) {
    this.#port = port
    this.#definitions = definitions
  }

  /**
   * Asks the target, while nothing of the client is in flight; again if other sessions create rules meanwhile. If the answer is uncertain,
   * there may be some.
   */
  async mayExist(): Promise<boolean> {
    const { status, batchOpen } = this.#port
    for (let times = 1; ; times++) {
      if (this.#definitions.othersMakingRules(this.#port).length > 0) return true
      const { rulesMade } = this.#definitions
      try {
        const [rows] = await shieldedQueries(this.#port, [FIND])
        const [found, isolation] = rows?.[0] ?? []
        if (found !== 'false') return true
        // The snapshot of a transaction may be older than the definitions with which names are resolved.
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

/** Finds them by the dependencies of rules; built-in rules have lower object ids. */
const FIND = {
  sql: `select exists(select from pg_catalog.pg_depend d where d.refclassid operator(pg_catalog.=) ${CLASSES['pg_class']}::pg_catalog.oid and d.refobjid operator(pg_catalog.=) 'pg_catalog.pg_settings'::pg_catalog.regclass and d.classid operator(pg_catalog.=) ${CLASSES['pg_rewrite']}::pg_catalog.oid and d.objid operator(pg_catalog.>=) $1::pg_catalog.oid)::pg_catalog.text, pg_catalog.current_setting('transaction_isolation')`,
  values: [String(FIRST_USER_OID)],
}
const MAX_TIMES = 5
