import { PamError } from '../../../shared/errors.ts'
import { withDeadline } from '../../../gateway/with-deadline.ts'
import type { Probe } from '../../../gateway/engine.ts'
import { targetFailure, TargetRefusal } from '../../../gateway/target-failure.ts'
import { CatalogShelf } from '../catalog/catalog-shelf.ts'
import { openOwnConnection, type UpstreamTarget } from './login/connect-upstream.ts'
import { settingStatements } from '../session-settings.ts'
import { readBody } from '../dialect/read-body.ts'

/** Performs the steps that begin a session: TLS, login, reading the definitions. */
export async function probeMysql(target: UpstreamTarget): Promise<Probe> {
  const { config, lease, limits } = target
  try {
    return await withDeadline(limits.handshake + limits.catalogs, undefined, async (signal) => {
      const connection = await openOwnConnection(target, signal)
      const { version } = connection
      const declared = { safeRoutines: config.safeRoutines, noOtherTriggers: config.unseenTriggers === 'none' }
      const place = new CatalogShelf(readBody).find(config.name, version, declared)
      const { relations } = await place.current((sql) => connection.ask(sql))
      const grants = await connection.ask('SHOW GRANTS')
      for (const sql of settingStatements(config.settings)) await connection.ask(sql)
      connection.close()
      const isAlmighty = grants.some(([grant]) =>
        /^GRANT (?:.*, )?(?:ALL PRIVILEGES|SUPER)\b.* ON \*\.\* /.test(grant ?? ''),
      )
      return {
        details: [
          `${version.flavor === 'mariadb' ? 'MariaDB' : 'MySQL'} ${version.text.replace(/^5\.5\.5-/, '')}`,
          `tls: ${config.tls}`,
          `${relations.size} relations`,
        ],
        warnings: isAlmighty
          ? [`the account ${lease.user} may do anything on the server: only the rules limit what sessions may do`]
          : [],
        relations: new Map([...relations.values()].map(({ name, columns }) => [name, [...columns.keys()]])),
      }
    })
  } catch (error) {
    throw inItsWords(error instanceof PamError ? error : targetFailure(config.name, error), lease.password)
  }
}

/** Adds the target's own message, for the person who checks the configuration, unless it repeats the password. */
function inItsWords(error: PamError, password: string | undefined): PamError {
  const { cause } = error
  if (!(cause instanceof TargetRefusal) || cause.said === '') return error
  if (password !== undefined && cause.said.includes(password)) return error
  return new PamError(error.code, `${error.message}: ${cause.said}`, { side: 'upstream' })
}
