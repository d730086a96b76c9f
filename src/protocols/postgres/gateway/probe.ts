import type { CredentialLease } from '../../../credentials/credential.ts'
import { PamError } from '../../../shared/errors.ts'
import { TERMINATE } from '../wire/client-message.ts'
import type { ConnectLimits, Probe } from '../../../gateway/engine.ts'
import type { PostgresTarget } from '../target.ts'
import { startSettings } from '../session-settings.ts'
import { buildCatalog } from '../catalog/build-catalog.ts'
import { CatalogShelf } from '../catalog/catalog-shelf.ts'
import { connectUpstream } from './login/connect-upstream.ts'
import { readDefinitions } from '../masking/definitions.ts'
import type { SqlParser } from '../dialect/sql-parser.ts'
import { TargetRefusal } from '../../../gateway/target-failure.ts'

/** Performs the steps that begin a session: TLS, login, reading the catalogs. */
export async function probePostgres(
  config: PostgresTarget,
  lease: CredentialLease,
  { limits, baseDirectory, parser }: { limits: ConnectLimits; baseDirectory: string; parser: SqlParser },
): Promise<Probe> {
  const masking = { columns: [], kinds: [] }
  const { channel, parameters, catalog } = await connectUpstream(
    { config, lease, baseDirectory, limits, readsForRecordAlone: false },
    startSettings(new Map(), config.settings, { person: 'check', session: 'check', target: config.name }),
    new CatalogShelf(),
    (rows, known, ask) => readDefinitions(rows, masking, parser, known, ask),
    new AbortController().signal,
  ).catch((error: unknown) => {
    throw inItsWords(error, lease)
  })
  channel.write(TERMINATE)
  channel.end()
  const { byOid, distrusted } = buildCatalog(catalog, config.safeFunctions)
  return {
    details: [
      `PostgreSQL ${parameters.get('server_version') ?? 'of unknown version'}`,
      `tls: ${config.tls}`,
      `${catalog.relations.length} relations`,
    ],
    warnings: [
      ...(parameters.get('is_superuser') === 'on'
        ? [`the account ${lease.user} is a superuser: only the rules limit what sessions may do`]
        : []),
      ...new Set(distrusted.values()),
    ],
    relations: new Map([...byOid.values()].map(({ name, columns }) => [name, [...columns.keys()]])),
  }
}

/** Adds the target's own message, for the person who checks the configuration, unless it repeats the password. */
function inItsWords(error: unknown, { password }: CredentialLease): unknown {
  if (!(error instanceof PamError) || !(error.cause instanceof TargetRefusal)) return error
  const { cause } = error
  if (cause.said === '' || (password !== undefined && cause.said.includes(password))) return error
  return new PamError(error.code, `${error.message}: ${cause.said}`, { side: 'upstream' })
}
