import type { CredentialLease } from '../../credentials/credential.ts'
import { TERMINATE } from '../../wire/postgres/client-message.ts'
import type { ConnectLimits, Probe } from '../engine.ts'
import type { PostgresTarget } from '../target.ts'
import { CatalogShelf } from './catalog-shelf.ts'
import { connectUpstream } from './connect-upstream.ts'
import { readDefinitions } from './definitions.ts'
import type { SqlParser } from './sql-parser.ts'

/** Does what a session begins with: TLS, login, catalogs. */
export async function probePostgres(
  config: PostgresTarget,
  lease: CredentialLease,
  { limits, baseDirectory, parser }: { limits: ConnectLimits; baseDirectory: string; parser: SqlParser },
): Promise<Probe> {
  const masking = { columns: [], kinds: [] }
  const { channel, parameters, catalog } = await connectUpstream(
    { config, lease, baseDirectory, limits },
    new Map(),
    new CatalogShelf(),
    (rows, ask) => readDefinitions(rows, masking, parser, ask),
    masking,
    new AbortController().signal,
  )
  channel.write(TERMINATE)
  channel.end()
  return {
    details: [
      `PostgreSQL ${parameters.get('server_version') ?? 'of unknown version'}`,
      `tls: ${config.tls}`,
      `${catalog.relations.length} relations`,
    ],
    warnings:
      parameters.get('is_superuser') === 'on'
        ? [`the account ${lease.user} is a superuser: nothing in the database stands behind the rules`]
        : [],
  }
}
