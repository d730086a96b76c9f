import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { parseSync } from 'vite'
import { describe, expect, it } from 'vitest'

/**
 * What a room (a folder or a file of src) may use. The longest row that matches a file counts; a new folder brings a new row.
 * `imports` are prefixes of paths below src, `/*.ts` for the files of a folder without its sub-folders; `type:` allows type
 * imports alone. `packages` are names of packages and of Node's modules. `clock` and `environment` allow Date.now and
 * performance.now, process.env and process.argv.
 */
interface Row {
  readonly imports: readonly string[]
  readonly packages?: readonly string[]
  readonly clock?: boolean
  readonly environment?: boolean
}

const FILES = ['node:fs', 'node:fs/promises', 'node:path', 'node:os']

const ROWS: Readonly<Record<string, Row>> = {
  // Below: nothing of the business.
  shared: {
    imports: ['shared/'],
    packages: [
      'node:buffer',
      'node:crypto',
      'node:fs',
      'node:http',
      'node:https',
      'node:net',
      'node:path',
      'node:stream',
      'node:url',
      'node:v8',
      'node:worker_threads',
      'pino',
      'type:commander',
      'yaml',
      'zod',
    ],
  },
  // How providers answer, for pamctl and for the dashboard's sign-in alike.
  'shared/home-directory.ts': { imports: [], packages: ['node:os'] },
  'shared/identity-provider.ts': { imports: ['shared/'], packages: ['openid-client'] },
  'shared/clock.ts': { imports: [], clock: true },
  wire: { imports: ['wire/'] },
  tunnel: { imports: ['shared/', 'tunnel/'], packages: ['node:crypto', 'type:node:stream', 'type:ws'] },

  // The business, without I/O.
  policy: {
    imports: ['shared/', 'policy/'],
    packages: ['@marcbachmann/cel-js', 'node:crypto', 're2js', 'zod'],
  },
  'sql/pinned-settings.ts': { imports: ['shared/errors.ts'] },
  sql: { imports: ['sql/'] },
  'sql/long-text-reader.ts': { imports: ['shared/deadline-worker.ts'] },
  'sql/conditions': { imports: ['sql/*.ts', 'sql/conditions/'] },
  'sql/facts': { imports: ['sql/*.ts', 'sql/conditions/', 'sql/lineage/', 'sql/facts/'] },
  'sql/facts/guard-lineage.ts': { imports: ['sql/', 'shared/errors.ts'] },
  'sql/lineage': { imports: ['sql/*.ts', 'sql/conditions/', 'sql/lineage/', 'shared/item.ts', 'type:masking/'] },
  'sql/masking': { imports: ['sql/', 'type:masking/'] },
  'sql/record': { imports: ['shared/', 'masking/', 'policy/pattern-kind.ts', 'sql/'] },
  'sql/statement.ts': { imports: ['type:policy/'] },
  'sql/patterns.ts': { imports: ['policy/patterns.ts'] },
  'sql/vocabulary.ts': {
    imports: ['sql/', 'policy/patterns.ts', 'policy/vocabulary.ts', 'type:policy/'],
    packages: ['zod'],
  },
  // What protocols share that run commands on hosts.
  host: { imports: ['shared/glob.ts', 'host/', 'masking/', 'type:masking/'] },
  'host/command': { imports: ['shared/', 'type:policy/', 'host/command/'], packages: ['node:path', 'unbash'] },
  'host/output': { imports: ['masking/', 'shared/errors.ts', 'host/output/'] },
  'host/vocabulary.ts': {
    imports: ['shared/glob.ts', 'host/', 'policy/patterns.ts', 'policy/vocabulary.ts', 'type:policy/'],
    packages: ['zod'],
  },
  'host/process-log.ts': { imports: ['type:recording/'], packages: ['node:crypto'], clock: true },
  'host/patterns.ts': { imports: ['policy/patterns.ts', 'type:policy/'] },
  masking: { imports: ['shared/', 'masking/', 'type:policy/'], packages: ['node:buffer', 'node:crypto', 'node:net'] },
  // What a value looks like: neither rules nor keys.
  'masking/detectors': { imports: ['masking/detectors/'], packages: ['node:net'] },
  access: {
    imports: [
      'shared/',
      'access/',
      'type:policy/',
      'policy/decide.ts',
      'policy/joint-approvers.ts',
      'policy/schedule.ts',
    ],
  },

  // Evidence, identity, storage.
  // Names of statuses.
  'recording/har.ts': { imports: ['shared/errors.ts', 'type:recording/'], packages: ['node:http'] },
  recording: {
    imports: ['shared/', 'recording/'],
    packages: [...FILES, 'age-encryption', 'node:crypto', 'node:util', 'node:zlib'],
    clock: true,
  },
  'recording/homes': {
    imports: ['shared/', 'recording/'],
    packages: [...FILES, 'node:crypto', 'node:stream', 'node:stream/consumers', 'node:stream/web', 's3mini'],
    clock: true,
  },
  'audit-delivery': {
    imports: ['shared/', 'audit-delivery/', 'recording/audit-chain.ts', 'type:recording/'],
    packages: [...FILES, 'node:crypto', 'node:tls'],
    clock: true,
  },
  notify: { imports: ['shared/', 'notify/', 'access/', 'type:identity/'], packages: ['node:crypto', 'type:node:http'] },
  'notify/approval-webhook.ts': { imports: ['shared/', 'notify/', 'access/'], packages: ['node:crypto', 'zod'] },
  'notify/slack': {
    imports: ['shared/', 'notify/slack/', 'type:notify/', 'access/', 'type:identity/'],
    packages: ['node:crypto', 'ws'],
  },
  identity: {
    imports: ['shared/', 'identity/'],
    packages: ['jose', 'node:crypto', 'openid-client', 'zod'],
    clock: true,
  },
  // What authenticators sign: the library is loaded where somebody registers or uses a passkey.
  'identity/passkeys': {
    imports: ['shared/errors.ts', 'shared/small-order.ts', 'identity/passkeys/'],
    packages: ['@simplewebauthn/server', '@simplewebauthn/server/helpers', 'node:crypto', 'node:net'],
  },
  // SCIM's own language: no store, no settings.
  scim: { imports: ['scim/', 'shared/json-fields.ts'], packages: ['scim-patch', 'scim2-parse-filter'] },
  // What providers of SAML send, and to whom: the library is loaded where somebody signs in, behind two doors.
  'identity/saml': {
    imports: ['shared/', 'identity/saml/', 'identity/provider-choice.ts', 'identity/login-origin.ts'],
    packages: ['node:crypto', 'zod'],
  },
  'identity/saml/service-provider.ts': {
    imports: ['shared/', 'identity/saml/', 'type:identity/login-origin.ts'],
    packages: ['@node-saml/node-saml'],
  },
  'identity/saml/signature.ts': { imports: ['identity/saml/'], packages: ['@node-saml/node-saml/lib/xml.js'] },
  credentials: { imports: ['shared/', 'credentials/'], packages: ['node:fs', 'node:path', 'zod'], environment: true },
  // They read files, variables and stores by references alone.
  'credentials/sources': {
    imports: ['shared/errors.ts', 'credentials/*.ts', 'credentials/sources/'],
    packages: ['node:crypto'],
  },
  // They are given the environment, and send with one bounded piece.
  'credentials/stores': {
    imports: ['shared/', 'credentials/*.ts', 'credentials/stores/'],
    packages: ['node:crypto', 'node:fs', 'zod'],
  },
  storage: {
    imports: [
      'shared/',
      'storage/',
      'access/',
      'recording/audit-chain.ts',
      'type:policy/',
      'type:identity/',
      'type:recording/',
      'type:notify/',
    ],
    packages: ['kysely', 'libsql', 'node:fs', 'node:path', 'pg'],
  },
  // A migration stays what it was, whatever becomes of the code around it.
  'storage/migrations': { imports: ['storage/migrations/'], packages: ['kysely'] },

  // The data plane: knows no protocol, no configuration and no API.
  gateway: {
    imports: [
      'shared/',
      'tunnel/',
      'policy/',
      'masking/',
      'access/',
      'identity/',
      'credentials/',
      'recording/',
      'gateway/',
    ],
    packages: [
      'node:crypto',
      'node:events',
      'node:fs',
      'node:http',
      'node:net',
      'node:path',
      'node:stream',
      'node:tls',
      'ws',
    ],
  },

  // Protocols: what all share, and the three lists.
  protocols: { imports: ['protocols/*.ts', 'type:shared/', 'type:gateway/', 'type:api/schemas/'] },
  'protocols/protocol.ts': {
    imports: ['type:credentials/', 'type:gateway/', 'type:policy/', 'type:shared/'],
    packages: ['type:zod'],
  },
  'protocols/policy-language.ts': { imports: ['policy/language.ts', 'protocols/gateway.ts'] },
  'protocols/target-shape.ts': { imports: [], packages: ['node:net', 'zod'] },
  'protocols/client-certificate.ts': { imports: ['credentials/', 'shared/errors.ts', 'type:protocols/protocol.ts'] },
  'protocols/database-login.ts': { imports: ['credentials/*.ts'], packages: ['zod'] },
  'protocols/target-tls.ts': { imports: ['shared/needed-values.ts'], packages: ['zod'] },
  'protocols/need-open-port.ts': { imports: ['type:api/schemas/', 'type:protocols/client-half.ts'] },
  'protocols/describe-database.ts': { imports: ['type:protocols/client-half.ts'] },
  'protocols/gateway.ts': {
    imports: [
      'protocols/*.ts',
      'protocols/http/*.ts',
      'protocols/kubernetes/*.ts',
      'protocols/mysql/*.ts',
      'protocols/postgres/*.ts',
      'protocols/ssh/*.ts',
    ],
  },
  'protocols/local.ts': {
    imports: [
      'protocols/*.ts',
      'protocols/http/local.ts',
      'protocols/kubernetes/local.ts',
      'protocols/mysql/local.ts',
      'protocols/postgres/local.ts',
      'protocols/ssh/local.ts',
    ],
  },
  'protocols/client.ts': {
    imports: [
      'protocols/*.ts',
      'protocols/http/client.ts',
      'protocols/kubernetes/client.ts',
      'protocols/mysql/client.ts',
      'protocols/postgres/client.ts',
      'protocols/ssh/client/',
    ],
  },

  'protocols/postgres': {
    imports: ['shared/', 'credentials/', 'protocols/*.ts', 'protocols/postgres/*.ts', 'sql/pinned-settings.ts'],
    packages: ['zod'],
  },
  'protocols/postgres/gateway-half.ts': {
    imports: ['type:protocols/protocol.ts', 'type:credentials/', 'protocols/postgres/', 'sql/vocabulary.ts'],
  },
  'protocols/postgres/rule-sets.ts': { imports: ['shared/word-list.ts', 'type:policy/'] },
  'protocols/postgres/wire': { imports: ['wire/*.ts', 'protocols/postgres/wire/'], packages: ['node:crypto'] },
  'protocols/postgres/local.ts': {
    imports: ['type:protocols/local-half.ts', 'protocols/postgres/local/', 'protocols/postgres/sqlstates.ts'],
  },
  'protocols/postgres/local': {
    imports: ['type:protocols/local-half.ts', 'protocols/postgres/local/', 'protocols/postgres/wire/'],
    packages: ['node:crypto'],
  },
  // Clients of pamctl's own.
  'protocols/query-client.ts': { imports: ['shared/'] },
  'protocols/query-exchange.ts': { imports: ['shared/errors.ts', 'wire/wire-error.ts'], packages: ['type:node:net'] },
  'protocols/postgres/query': {
    imports: [
      'shared/',
      'wire/*.ts',
      'protocols/query-client.ts',
      'protocols/query-exchange.ts',
      'type:protocols/client-half.ts',
      'protocols/postgres/wire/',
      'protocols/postgres/query/',
    ],
    packages: ['node:net', 'node:path'],
  },
  'protocols/mysql/query': {
    imports: [
      'shared/',
      'wire/*.ts',
      'protocols/query-client.ts',
      'protocols/query-exchange.ts',
      'type:protocols/client-half.ts',
      'protocols/mysql/error-codes.ts',
      'protocols/mysql/wire/',
      'protocols/mysql/query/',
    ],
    packages: ['node:crypto', 'node:net', 'node:path'],
  },
  'protocols/postgres/client.ts': {
    imports: [
      'shared/replace-file.ts',
      'shared/shell-word.ts',
      'type:api/schemas/',
      'type:protocols/client-half.ts',
      'protocols/need-open-port.ts',
      'protocols/describe-database.ts',
      'protocols/postgres/query/',
    ],
    packages: FILES,
  },
  'protocols/postgres/dialect': {
    imports: [
      'shared/',
      'sql/',
      'type:policy/',
      'type:protocols/postgres/wire/',
      'protocols/postgres/default-schema.ts',
      'protocols/postgres/pinned-settings.ts',
      'protocols/postgres/plain-milliseconds.ts',
      'protocols/postgres/catalog/',
      'protocols/postgres/dialect/',
      'type:protocols/postgres/masking/',
    ],
    packages: ['libpg-query', 'type:@pgsql/types'],
  },
  'protocols/postgres/catalog': {
    imports: [
      'shared/',
      'wire/*.ts',
      'type:sql/',
      'sql/growth.ts',
      'type:masking/',
      'protocols/postgres/catalog/',
      'type:protocols/postgres/masking/',
    ],
  },
  'protocols/postgres/catalog/catalog-shelf.ts': {
    imports: ['wire/wire-error.ts', 'protocols/postgres/catalog/', 'type:protocols/postgres/masking/'],
    clock: true,
  },
  'protocols/postgres/catalog/shared-definitions.ts': {
    imports: ['shared/pause.ts', 'protocols/postgres/catalog/change-log.ts'],
    clock: true,
  },
  'protocols/postgres/catalog/reading-pace.ts': { imports: [], clock: true },
  'protocols/postgres/masking': {
    imports: [
      'sql/',
      'type:masking/',
      'protocols/postgres/catalog/',
      'protocols/postgres/masking/',
      'protocols/postgres/dialect/',
    ],
  },
  'protocols/postgres/gateway': {
    imports: [
      'shared/',
      'wire/*.ts',
      'sql/',
      'gateway/',
      'masking/',
      'type:credentials/',
      'type:policy/',
      'type:protocols/protocol.ts',
      'type:protocols/postgres/ephemeral-settings.ts',
      'protocols/postgres/session-settings.ts',
      'protocols/postgres/sqlstates.ts',
      'protocols/postgres/target.ts',
      'protocols/postgres/wire/',
      'protocols/postgres/dialect/',
      'protocols/postgres/catalog/',
      'protocols/postgres/masking/',
      'protocols/postgres/gateway/',
    ],
    packages: ['node:buffer', 'node:crypto', 'node:fs', 'node:net', 'node:path', 'node:tls', 'node:util'],
    clock: true,
  },
  // Rows and messages as bytes, without a socket or a clock.
  'protocols/postgres/gateway/results': {
    imports: [
      'wire/*.ts',
      'sql/',
      'masking/',
      'gateway/kept-rows.ts',
      'type:gateway/',
      'protocols/postgres/wire/',
      'protocols/postgres/dialect/',
      'type:protocols/postgres/catalog/',
      'type:protocols/postgres/masking/',
      'type:protocols/postgres/gateway/pipeline/',
      'protocols/postgres/gateway/results/',
    ],
    packages: ['node:buffer'],
  },

  'protocols/mysql': {
    imports: ['shared/', 'credentials/', 'protocols/*.ts', 'protocols/mysql/*.ts', 'sql/pinned-settings.ts'],
    packages: ['zod'],
  },
  'protocols/mysql/gateway-half.ts': {
    imports: ['type:credentials/', 'type:protocols/protocol.ts', 'protocols/mysql/', 'sql/vocabulary.ts'],
  },
  'protocols/mysql/rule-sets.ts': { imports: ['shared/word-list.ts', 'type:policy/'] },
  'protocols/mysql/wire': { imports: ['wire/*.ts', 'protocols/mysql/wire/'], packages: ['node:buffer', 'node:crypto'] },
  'protocols/mysql/local.ts': {
    imports: ['type:protocols/local-half.ts', 'protocols/mysql/local/', 'protocols/mysql/error-codes.ts'],
  },
  'protocols/mysql/local': {
    imports: [
      'type:protocols/local-half.ts',
      'type:shared/',
      'wire/*.ts',
      'protocols/mysql/error-codes.ts',
      'protocols/mysql/local/',
      'protocols/mysql/wire/',
    ],
    packages: ['node:crypto'],
  },
  'protocols/mysql/client.ts': {
    imports: [
      'shared/errors.ts',
      'shared/replace-file.ts',
      'shared/shell-word.ts',
      'type:api/schemas/',
      'type:protocols/client-half.ts',
      'protocols/need-open-port.ts',
      'protocols/describe-database.ts',
      'protocols/mysql/query/',
    ],
    packages: FILES,
  },
  'protocols/mysql/dialect': {
    imports: [
      'shared/',
      'sql/',
      'type:policy/',
      'protocols/mysql/wire/',
      'protocols/mysql/catalog/',
      'protocols/mysql/dialect/',
      'type:protocols/mysql/masking/',
    ],
  },
  // Texts to trees: what a server, a catalog or the facts say is not its business.
  'protocols/mysql/dialect/parser': {
    imports: [
      'sql/query.ts',
      'protocols/mysql/dialect/tokens.ts',
      'protocols/mysql/dialect/words.ts',
      'protocols/mysql/dialect/parser/',
      'protocols/mysql/dialect/not-read.ts',
      'type:protocols/mysql/dialect/reading-context.ts',
    ],
  },
  'protocols/mysql/catalog': {
    imports: [
      'shared/',
      'wire/*.ts',
      'sql/',
      'type:masking/',
      'protocols/mysql/catalog/',
      'protocols/mysql/wire/',
      'type:protocols/mysql/masking/',
      'type:protocols/mysql/dialect/',
    ],
    packages: ['node:crypto'],
    clock: true,
  },
  'protocols/mysql/masking': {
    imports: [
      'shared/word-list.ts',
      'sql/',
      'type:masking/',
      'protocols/mysql/catalog/',
      'protocols/mysql/masking/',
      'protocols/mysql/dialect/',
      'protocols/mysql/wire/',
    ],
  },
  'protocols/mysql/gateway': {
    imports: [
      'shared/',
      'wire/*.ts',
      'sql/',
      'gateway/',
      'masking/',
      'type:credentials/',
      'type:policy/',
      'type:protocols/protocol.ts',
      'type:protocols/mysql/ephemeral-settings.ts',
      'protocols/mysql/error-codes.ts',
      'protocols/mysql/session-settings.ts',
      'protocols/mysql/target.ts',
      'protocols/mysql/wire/',
      'protocols/mysql/dialect/',
      'protocols/mysql/catalog/',
      'protocols/mysql/masking/',
      'protocols/mysql/gateway/',
    ],
    packages: ['node:buffer', 'node:crypto', 'node:fs', 'node:net', 'node:path', 'node:tls', 'node:util'],
    clock: true,
  },

  // How the gateway gets in: it knows nothing of statements.
  'protocols/mysql/gateway/login': {
    imports: [
      'shared/',
      'wire/*.ts',
      'gateway/',
      'type:credentials/',
      'type:sql/pinned-settings.ts',
      'protocols/mysql/session-settings.ts',
      'protocols/mysql/target.ts',
      'protocols/mysql/wire/',
      'protocols/mysql/dialect/sql-mode.ts',
      'protocols/mysql/catalog/quoted-name.ts',
      'type:protocols/mysql/gateway/known-servers.ts',
      'protocols/mysql/gateway/login/',
    ],
    packages: ['node:crypto', 'type:node:net'],
  },
  // Rows and messages as bytes, without a socket or a clock.
  'protocols/mysql/gateway/results': {
    imports: [
      'wire/*.ts',
      'sql/',
      'masking/',
      'protocols/mysql/wire/',
      'protocols/mysql/dialect/counters.ts',
      'protocols/mysql/gateway/results/',
    ],
    packages: ['node:buffer'],
  },

  // JSON whose places are known, so that some of it is changed and the rest stays as it is.
  'protocols/http/json': { imports: ['wire/*.ts', 'protocols/http/json/'] },

  // What requests to the API server mean, without I/O.
  'protocols/kubernetes/request': {
    imports: ['shared/', 'protocols/http/json/', 'protocols/kubernetes/request/'],
    packages: ['yaml'],
  },
  'protocols/kubernetes/facts': {
    imports: ['shared/word-list.ts', 'type:policy/', 'protocols/kubernetes/request/', 'protocols/kubernetes/facts/'],
  },
  'protocols/kubernetes/masking': {
    imports: [
      'shared/field-path.ts',
      'masking/',
      'protocols/http/json/',
      'protocols/kubernetes/request/',
      'protocols/kubernetes/masking/',
    ],
  },
  'protocols/kubernetes/record': {
    imports: [
      'shared/',
      'host/without-secrets.ts',
      'type:gateway/',
      'gateway/kept-rows.ts',
      'protocols/http/json/',
      'protocols/http/wire/headers.ts',
      'protocols/kubernetes/masking/',
      'protocols/kubernetes/request/',
      'protocols/kubernetes/record/',
    ],
    packages: ['yaml'],
  },
  'protocols/kubernetes/policy': {
    imports: [
      'shared/field-path.ts',
      'shared/glob.ts',
      'shared/word-list.ts',
      'policy/patterns.ts',
      'policy/vocabulary.ts',
      'type:policy/',
      'protocols/kubernetes/policy/',
      'protocols/kubernetes/request/resources.ts',
      'type:protocols/kubernetes/facts/',
    ],
    packages: ['zod'],
  },
  'protocols/kubernetes/wire': { imports: ['wire/*.ts', 'protocols/kubernetes/wire/'] },
  'protocols/kubernetes/streams': {
    imports: [
      'shared/',
      'wire/*.ts',
      'gateway/',
      'host/',
      'protocols/http/upgrade/',
      'protocols/http/wire/',
      'type:policy/',
      'protocols/kubernetes/facts/',
      'protocols/kubernetes/request/',
      'protocols/kubernetes/wire/',
      'protocols/kubernetes/streams/',
    ],
    packages: ['node:crypto', 'node:zlib', 'type:node:stream'],
    clock: true,
  },

  'protocols/kubernetes': {
    imports: ['shared/', 'credentials/', 'protocols/*.ts', 'protocols/kubernetes/*.ts'],
    packages: ['node:crypto', 'zod'],
  },
  'protocols/kubernetes/gateway-half.ts': {
    imports: ['type:protocols/protocol.ts', 'protocols/kubernetes/', 'host/vocabulary.ts'],
  },
  'protocols/kubernetes/local.ts': {
    imports: ['type:protocols/local-half.ts', 'protocols/http/local/', 'protocols/kubernetes/status.ts'],
  },
  'protocols/kubernetes/client.ts': {
    imports: [
      'shared/replace-file.ts',
      'type:api/schemas/',
      'type:protocols/client-half.ts',
      'protocols/need-open-port.ts',
      'protocols/kubernetes/client/',
    ],
    packages: FILES,
  },
  'protocols/kubernetes/client': {
    imports: [
      'protocols/kubernetes/client/',
      'shared/errors.ts',
      'shared/file-problem.ts',
      'shared/replace-file.ts',
      'type:protocols/client-half.ts',
    ],
    packages: [...FILES, 'node:buffer', 'yaml'],
  },
  'protocols/kubernetes/gateway': {
    imports: [
      'shared/',
      'gateway/',
      'masking/',
      'type:policy/',
      'type:credentials/',
      'protocols/http/local/announcement.ts',
      'protocols/http/local/local-host.ts',
      'protocols/http/server/',
      'protocols/http/session/',
      'protocols/http/upstream/',
      'protocols/http/wire/',
      'protocols/kubernetes/*.ts',
      'protocols/kubernetes/request/',
      'protocols/kubernetes/facts/',
      'protocols/kubernetes/masking/',
      'protocols/kubernetes/record/',
      'protocols/kubernetes/streams/',
      'protocols/kubernetes/gateway/',
      'host/',
    ],
    packages: ['node:crypto', 'node:path', 'node:stream/consumers', 'type:node:stream', 'type:node:tls'],
    clock: true,
  },

  'protocols/http/wire': {
    imports: ['wire/*.ts', 'protocols/http/wire/'],
    packages: ['node:buffer', 'node:crypto', 'node:http'],
  },
  'protocols/http/upgrade': {
    imports: ['protocols/http/wire/', 'protocols/http/upgrade/'],
    packages: ['node:crypto', 'type:node:stream'],
  },
  'protocols/http/local': {
    imports: ['type:protocols/local-half.ts', 'wire/*.ts', 'protocols/http/wire/', 'protocols/http/local/'],
    packages: ['node:crypto'],
  },
  'protocols/http/server': {
    imports: ['shared/', 'protocols/http/wire/', 'protocols/http/server/'],
    packages: ['node:events', 'node:http', 'node:http2', 'node:stream'],
  },
  'protocols/http/upstream': {
    imports: ['shared/', 'protocols/http/wire/', 'protocols/http/upstream/'],
    packages: ['node:http', 'node:http2', 'node:stream', 'type:node:tls'],
    // Until when a server keeps a connection.
    clock: true,
  },

  // What is spoken over it is judged by the protocols that use it; these are of a session.
  'protocols/http/session': {
    imports: [
      'shared/',
      'gateway/',
      'type:recording/',
      'type:credentials/',
      'type:protocols/http/server/',
      'type:protocols/http/upstream/',
      'type:protocols/http/wire/',
      'protocols/http/session/',
    ],
    packages: ['type:node:net', 'type:node:stream'],
  },
  // What gRPC is within HTTP/2, without I/O.
  'protocols/http/grpc': {
    imports: ['shared/', 'protocols/http/problem.ts', 'protocols/http/wire/headers.ts', 'protocols/http/grpc/'],
  },
  // What is different where a browser is the client: headers, cookies, pages.
  'protocols/http/browser': {
    imports: [
      'shared/',
      'protocols/http/request/read-headers.ts',
      'type:protocols/http/server/',
      'protocols/http/wire/',
      'protocols/http/browser/',
    ],
    packages: ['node:crypto'],
  },
  'protocols/http/request': {
    imports: [
      'shared/',
      'protocols/http/grpc/',
      'protocols/http/json/',
      'type:protocols/http/server/',
      'protocols/http/wire/',
      'protocols/http/request/',
    ],
    packages: ['node:zlib'],
  },
  'protocols/http/facts': { imports: ['type:policy/', 'type:protocols/http/request/', 'protocols/http/facts/'] },
  'protocols/http/openapi': {
    imports: [
      'shared/',
      'type:policy/',
      'type:protocols/http/facts/',
      'protocols/http/policy/masked-fields.ts',
      'protocols/http/policy/routes.ts',
      'protocols/http/request/',
      'protocols/http/openapi/',
    ],
    packages: ['node:buffer', 'node:crypto', 'node:fs', 'node:fs/promises', 'node:path', 'zod'],
  },
  'protocols/http/policy': {
    imports: [
      'shared/',
      'policy/patterns.ts',
      'policy/vocabulary.ts',
      'type:policy/',
      'type:protocols/http/facts/',
      'protocols/http/grpc/',
      'protocols/http/request/',
      'protocols/http/policy/',
    ],
    packages: ['node:http', 'zod'],
  },
  'protocols/http/masking': {
    imports: [
      'shared/',
      'wire/byte-at.ts',
      'masking/',
      'type:gateway/',
      'protocols/http/policy/',
      'protocols/http/request/',
      'protocols/http/json/json-characters.ts',
      'protocols/http/masking/',
    ],
  },
  'protocols/http/websocket': {
    imports: [
      'shared/',
      'wire/wire-error.ts',
      'host/without-secrets.ts',
      'masking/',
      'type:gateway/',
      'protocols/http/json/',
      'protocols/http/masking/',
      'type:protocols/http/upstream/',
      'protocols/http/upgrade/',
      'protocols/http/wire/',
      'protocols/http/websocket/',
    ],
    packages: ['node:crypto', 'type:node:stream'],
    clock: true,
  },
  'protocols/http/record': {
    imports: [
      'shared/',
      'host/without-secrets.ts',
      'type:gateway/',
      'type:recording/',
      'protocols/http/browser/cookies.ts',
      'type:protocols/http/request/',
      'type:protocols/http/wire/',
    ],
    packages: ['node:crypto', 'node:string_decoder'],
  },
  'protocols/http': {
    imports: ['shared/', 'credentials/', 'protocols/*.ts', 'protocols/http/*.ts', 'type:protocols/http/wire/'],
    packages: ['node:crypto', 'zod'],
  },
  'protocols/http/target.ts': {
    imports: [
      'shared/',
      'credentials/',
      'protocols/*.ts',
      'protocols/http/openapi/',
      'protocols/http/request/read-headers.ts',
      'protocols/http/request/read-request.ts',
    ],
    packages: ['node:crypto', 'zod'],
  },
  'protocols/http/gateway-half.ts': { imports: ['type:protocols/protocol.ts', 'protocols/http/'] },
  'protocols/http/local.ts': {
    imports: ['type:protocols/local-half.ts', 'protocols/http/local/', 'protocols/http/problem.ts'],
  },
  'protocols/http/client.ts': {
    imports: [
      'type:api/schemas/',
      'type:protocols/client-half.ts',
      'protocols/need-open-port.ts',
      'protocols/http/client/',
    ],
    packages: FILES,
  },
  'protocols/http/client': { imports: ['shared/replace-file.ts', 'type:protocols/client-half.ts'], packages: FILES },
  'protocols/http/gateway': {
    imports: [
      'shared/',
      'wire/byte-at.ts',
      'gateway/',
      'masking/plan.ts',
      'type:credentials/',
      'type:policy/',
      'protocols/http/',
    ],
    packages: ['node:crypto', 'node:events', 'node:stream', 'node:zlib', 'type:node:http', 'type:node:net'],
    clock: true,
  },

  'protocols/ssh': {
    imports: [
      'shared/',
      'credentials/',
      'protocols/*.ts',
      'protocols/ssh/*.ts',
      'protocols/ssh/certificates/',
      'protocols/ssh/wire/certificate.ts',
    ],
    packages: ['node:crypto', 'node:fs', 'node:net', 'node:path', 'ssh2', 'zod'],
  },
  'protocols/ssh/certificates': {
    imports: ['shared/small-order.ts', 'wire/*.ts', 'protocols/ssh/wire/', 'protocols/ssh/certificates/'],
    packages: ['node:crypto'],
  },
  'protocols/ssh/gateway-half.ts': {
    imports: ['type:protocols/protocol.ts', 'protocols/ssh/', 'host/vocabulary.ts'],
  },
  'protocols/ssh/wire': { imports: ['wire/*.ts', 'protocols/ssh/wire/'] },
  'protocols/ssh/local.ts': { imports: ['type:protocols/local-half.ts', 'protocols/ssh/local/'] },
  'protocols/ssh/local': { imports: ['type:protocols/local-half.ts', 'protocols/ssh/local/'] },
  'protocols/ssh/client': {
    imports: [
      'protocols/ssh/client/',
      'protocols/ssh/host-alias.ts',
      'shared/errors.ts',
      'shared/own-program.ts',
      'shared/replace-file.ts',
      'type:api/schemas/',
      'type:protocols/client-half.ts',
    ],
    packages: FILES,
  },
  'protocols/ssh/policy': { imports: ['shared/word-list.ts'] },
  'protocols/ssh/transfer': {
    imports: [
      'shared/',
      'type:policy/',
      'type:recording/',
      'gateway/',
      'host/',
      'protocols/ssh/wire/',
      'protocols/ssh/gateway/',
      'protocols/ssh/transfer/',
    ],
    packages: ['node:crypto', 'node:path', 'type:ssh2'],
    clock: true,
  },
  'protocols/ssh/gateway': {
    imports: [
      'shared/',
      'wire/*.ts',
      'type:policy/',
      'type:credentials/',
      'type:masking/',
      'masking/',
      'gateway/',
      'host/',
      'type:protocols/protocol.ts',
      'protocols/ssh/*.ts',
      'protocols/ssh/certificates/',
      'protocols/ssh/wire/',
      'protocols/ssh/gateway/',
      'protocols/ssh/transfer/',
    ],
    packages: ['node:crypto', 'node:fs', 'node:net', 'node:path', 'node:stream', 'type:ssh2'],
    clock: true,
  },
  // The library is loaded by this one file.
  'protocols/ssh/gateway/ssh2-library.ts': {
    imports: ['protocols/ssh/wire/certificate.ts'],
    packages: [
      'node:fs',
      'node:module',
      'node:path',
      'node:vm',
      'ssh2',
      'ssh2/lib/Channel.js',
      'ssh2/lib/protocol/utils.js',
      'type:node:stream',
    ],
  },

  // The API and its clients.
  'api/schemas': { imports: ['api/schemas/'], packages: ['zod'] },
  api: {
    imports: [
      'shared/',
      'api/',
      'policy/',
      'access/',
      'identity/',
      'scim/',
      'storage/',
      'type:tunnel/',
      'tunnel/web-socket-channel.ts',
      'recording/frame.ts',
      'recording/read.ts',
      'recording/verify.ts',
      'recording/asciicast.ts',
      'recording/audit-chain.ts',
      'recording/har.ts',
      'type:recording/',
      'type:notify/',
      'gateway/session-registry.ts',
    ],
    packages: [
      '@fastify/rate-limit',
      '@fastify/swagger',
      'fastify',
      'fastify-type-provider-zod',
      'node:crypto',
      'node:fs',
      'node:http',
      'node:https',
      'node:net',
      'node:path',
      'node:stream',
      'node:zlib',
      'prom-client',
      'zod',
    ],
  },
  'gateway-client': {
    imports: ['shared/', 'tunnel/', 'gateway-client/', 'type:api/schemas/'],
    packages: ['jose', 'node:crypto', 'type:node:stream', 'openid-client', 'ws', 'zod'],
  },
  // What the gateway answers is read by the schemas that its routes are written with.
  'gateway-client/answers.ts': { imports: ['api/schemas/'], packages: ['zod'] },
  'gateway-client/open-values.ts': { imports: ['api/schemas/common.ts'], packages: ['zod'] },
  'agent/tls': {
    imports: ['agent/tls/', 'shared/der.ts', 'type:protocols/client-half.ts'],
    packages: ['node:crypto', 'node:tls', 'type:node:net'],
    clock: true,
  },
  agent: {
    imports: [
      'shared/',
      'tunnel/',
      'agent/',
      'gateway-client/',
      'protocols/local.ts',
      'protocols/names.ts',
      'type:protocols/client-half.ts',
      'type:protocols/local-half.ts',
      'type:api/schemas/',
    ],
    packages: [
      ...FILES,
      '@napi-rs/keyring',
      'node:child_process',
      'node:crypto',
      'node:net',
      'node:tls',
      'node:url',
      'type:jose',
    ],
    clock: true,
    environment: true,
  },
  cli: {
    imports: [
      'shared/',
      'tunnel/',
      'cli/',
      'gateway-client/',
      'agent/control-client.ts',
      'agent/paths.ts',
      'protocols/client.ts',
      'protocols/query-client.ts',
      'protocols/names.ts',
      'protocols/kubernetes/client/kubeconfig-document.ts',
      'protocols/kubernetes/client/kubeconfig-file.ts',
      'protocols/ssh/client/ssh-config.ts',
      'type:protocols/client-half.ts',
      'type:agent/',
      'recording/verify.ts',
      'recording/read.ts',
      'recording/encryption.ts',
      'recording/audit-chain.ts',
      'recording/audit-sentences.ts',
      'recording/ocsf.ts',
      'recording/introspection.ts',
      'recording/timeline.ts',
      'recording/detached.ts',
      'recording/asciicast.ts',
      'recording/homes/directory.ts',
      'type:recording/',
      'type:api/schemas/',
    ],
    packages: [
      ...FILES,
      '@inquirer/prompts',
      'commander',
      'node:child_process',
      'node:net',
      'node:stream',
      'node:stream/consumers',
      'node:stream/promises',
    ],
    clock: true,
    environment: true,
  },
  // Each library that is loaded where it is used has one door.
  // What is shown, and how: it asks neither the gateway nor the agent.
  'cli/output': {
    imports: [
      'shared/',
      'cli/output/',
      'recording/asciicast.ts',
      'recording/har.ts',
      'recording/read.ts',
      'recording/timeline.ts',
      'type:recording/',
    ],
    packages: [...FILES, 'node:child_process', 'string-width'],
    clock: true,
  },
  'cli/output/colours.ts': { imports: [], packages: ['chalk'] },
  'cli/output/spinner.ts': { imports: ['type:cli/output/io.ts'], packages: ['ora'], clock: true },
  'cli/commands/config.ts': { imports: ['shared/', 'cli/'], packages: ['conf'] },
  // It sends nothing of anybody's, and looks at certificates, which `fetch` does not show.
  'cli/doctor': {
    imports: [
      'shared/',
      'cli/',
      'agent/control-client.ts',
      'agent/known-clients.ts',
      'gateway-client/connection-error.ts',
      'type:agent/',
    ],
    packages: [...FILES, 'node:child_process', 'node:http', 'node:https', 'node:net', 'node:tls'],
    clock: true,
  },
  'cli/commands/doctor.ts': { imports: ['shared/', 'cli/', 'agent/secret-store.ts'], packages: ['type:commander'] },
  // The hidden verb `agent run` is the agent's own entry.
  'cli/commands/agent.ts': {
    imports: ['shared/', 'cli/', 'agent/control-client.ts', 'agent/main.ts', 'type:agent/'],
    packages: ['commander'],
  },

  // Programs: what each puts together.
  // What the configuration says and means: nothing is opened, and nothing runs.
  'server/config': {
    imports: [
      'shared/',
      'policy/',
      'identity/',
      'credentials/',
      'recording/encryption.ts',
      'type:gateway/',
      'protocols/*.ts',
      'evaluation-idp/people.ts',
      'server/config/',
    ],
    packages: ['node:crypto', 'node:fs', 'node:net', 'node:path', 'node:tls', 'zod'],
    clock: true,
  },
  // Writes a file that the reader of configurations accepts; starts and reaches nothing.
  'server/init': {
    imports: [
      'shared/',
      'credentials/secret-reference.ts',
      'protocols/target-shape.ts',
      'server/config/config.ts',
      'server/init/',
    ],
    packages: ['@inquirer/prompts', 'node:fs', 'node:path', 'yaml'],
  },
  server: {
    imports: [''],
    packages: [
      ...FILES,
      '@inquirer/prompts',
      'cli-table3',
      'commander',
      'libsql',
      'node:crypto',
      'node:http',
      'node:net',
      'node:stream',
      'node:stream/consumers',
      'node:tls',
      'node:url',
      'zod',
    ],
    clock: true,
    environment: true,
  },
  'evaluation-idp': {
    imports: ['shared/', 'evaluation-idp/'],
    packages: ['jose', 'node:crypto', 'node:fs', 'node:http', 'node:net', 'node:util', 'oidc-provider', 'zod'],
    clock: true,
  },
  // The gateway has no way to it: it runs within the demo alone.
  'evaluation-idp/saml': {
    imports: ['shared/', 'evaluation-idp/', 'identity/saml/shape.ts', 'identity/saml/xml.ts'],
    packages: ['node:crypto', 'node:http', 'node:net', 'node:util', 'node:zlib', 'xml-crypto'],
    clock: true,
  },
  demo: {
    imports: ['demo/', 'evaluation-idp/', 'shared/'],
    packages: [
      ...FILES,
      'node:child_process',
      'node:crypto',
      'node:dgram',
      'node:http',
      'node:module',
      'node:net',
      'pg',
    ],
    clock: true,
    environment: true,
  },
}

/** Features of the dashboard that may use another one. */
const WEB_FEATURES: Readonly<Record<string, readonly string[]>> = {
  // A grant is revoked from either page.
  access: ['live'],
  // A live session is shown by the parts that show a recorded one.
  live: ['sessions'],
}

const ROOT = join(import.meta.dirname, '..')
const SRC = join(ROOT, 'src')
const WEB = join(ROOT, 'web')

interface Import {
  readonly from: string
  /** A path below src (or below web), or the name of a package. */
  readonly to: string
  readonly typeOnly: boolean
}

describe('architecture', () => {
  const files = sourcesIn(SRC)
  const imports = files.flatMap((file) => importsOf(SRC, file))
  const webImports = sourcesIn(WEB).flatMap((file) => importsOf(WEB, file))

  it('every folder has a row', () => {
    const rows = new Set(Object.keys(ROWS).map((row) => row.split('/')[0]))
    expect(files.map((file) => file.split('/')[0]).filter((folder) => !rows.has(folder))).toEqual([])
  })

  it('every row has files, and every prefix in it leads somewhere', () => {
    const leads = (pattern: string): boolean =>
      files.some((file) =>
        pattern.endsWith('/*.ts') ? dirname(file) === pattern.slice(0, -5) : file.startsWith(pattern),
      )
    const dead = Object.entries(ROWS).flatMap(([row, { imports: prefixes }]) =>
      [row, ...prefixes.map((prefix) => prefix.replace(/^type:/, ''))].filter((prefix) => !leads(prefix)),
    )
    expect(dead).toEqual([])
  })

  it('nobody imports what the table does not allow', () => {
    expect(checks.imports(SRC, imports)).toEqual([])
  })

  it('nobody uses a package or a module of Node that the table does not allow', () => {
    expect(checks.packages(SRC, imports)).toEqual([])
  })

  it('what is imported at run time is named by a constant', () => {
    expect(checks.constants(SRC, imports)).toEqual([])
  })

  it('clocks and the environment are read where the table says', () => {
    const wrong = files.flatMap((file) => usesOf(file, readFileSync(join(SRC, file), 'utf8')))
    expect(wrong).toEqual([])
  })

  it('no file imports in a circle, by value or by type', () => {
    expect(checks.fileCircles(SRC, imports)).toEqual([])
  })

  it('no folder imports in a circle', () => {
    expect(checks.folderCircles(SRC, imports)).toEqual([])
  })

  it('codecs are pure: nothing asynchronous, no timers', () => {
    const wrong = files.flatMap((file) => impurities(file, readFileSync(join(SRC, file), 'utf8')))
    expect(wrong).toEqual([])
  })

  it('the web takes the typed client, types of schemas and records, and what is shared', () => {
    expect(checks.web(WEB, webImports)).toEqual([])
  })

  it('a feature of the dashboard takes parts of another one only where the table says', () => {
    expect(checks.webFeatures(WEB, webImports)).toEqual([])
  })

  /** Each line, added to a file in memory, is found by the check that is there for it. */
  it.each<[keyof typeof checks, string, string]>([
    ['imports', 'policy/decide.ts', "import { x } from '../gateway/session.ts'"],
    ['imports', 'policy/decide.ts', 'import { x } from "../gateway/session.ts"'],
    ['imports', 'policy/decide.ts', "import '../server/start.ts'"],
    ['imports', 'policy/decide.ts', "export * from '../gateway/session.ts'"],
    ['imports', 'policy/decide.ts', "export { x } from '../gateway/session.ts'"],
    ['imports', 'policy/decide.ts', "import type { X } from '../gateway/session.ts'"],
    ['imports', 'policy/decide.ts', "type X = import('../gateway/session.ts').X"],
    ['imports', 'policy/decide.ts', "const x = await import('../gateway/session.ts')"],
    ['imports', 'policy/decide.ts', "import x = require('../gateway/session.ts')"],
    ['imports', 'policy/decide.ts', "const x = require('../gateway/session.ts')"],
    ['imports', 'gateway/session.ts', "import { x } from '../protocols/postgres/target.ts'"],
    ['imports', 'gateway/session.ts', "import { x } from '../api/server.ts'"],
    ['imports', 'gateway/session.ts', "import { x } from '../server/start.ts'"],
    ['imports', 'protocols/postgres/target.ts', "import { x } from '../ssh/target.ts'"],
    ['imports', 'masking/plan.ts', "import { x } from '../policy/decide.ts'"],
    ['imports', 'masking/plan.ts', "import { type X, x } from '../policy/decide.ts'"],
    // MySQL's rooms, each held against what stands next to it.
    ['imports', 'protocols/mysql/target.ts', "import { x } from '../postgres/target.ts'"],
    ['imports', 'protocols/mysql/target.ts', "import { x } from '../../gateway/session.ts'"],
    ['imports', 'protocols/mysql/gateway-half.ts', "import { x } from '../../gateway/session.ts'"],
    ['imports', 'protocols/mysql/gateway-half.ts', "import { x } from '../protocol.ts'"],
    ['imports', 'protocols/mysql/rule-sets.ts', "import { x } from '../../policy/decide.ts'"],
    ['imports', 'protocols/mysql/wire/framer.ts', "import { x } from '../dialect/lexer.ts'"],
    ['imports', 'protocols/mysql/wire/framer.ts', "import { x } from '../../postgres/wire/framer.ts'"],
    ['imports', 'protocols/mysql/wire/framer.ts', "import { x } from '../../../shared/errors.ts'"],
    ['imports', 'protocols/mysql/local.ts', "import { x } from './target.ts'"],
    ['imports', 'protocols/mysql/local/challenge.ts', "import { x } from '../../../shared/errors.ts'"],
    ['imports', 'protocols/mysql/local/challenge.ts', "import { x } from '../gateway/engine.ts'"],
    ['imports', 'protocols/mysql/client.ts', "import { x } from '../../shared/clock.ts'"],
    ['imports', 'protocols/mysql/client.ts', "import { x } from './target.ts'"],
    ['imports', 'protocols/mysql/dialect/lexer.ts', "import { x } from '../gateway/engine.ts'"],
    ['imports', 'protocols/mysql/dialect/lexer.ts', "import { x } from '../../../policy/decide.ts'"],
    ['imports', 'protocols/mysql/dialect/parser/cursor.ts', "import { x } from '../guard.ts'"],
    ['imports', 'protocols/mysql/dialect/parser/cursor.ts', "import type { X } from '../../catalog/catalog.ts'"],
    ['imports', 'masking/detectors/iban.ts', "import { x } from '../plan.ts'"],
    ['packages', 'recording/journal.ts', "import { x } from 's3mini'"],
    ['packages', 'notify/webhooks.ts', "import { x } from 'ws'"],
    ['uses', 'credentials/sources/static-password.ts', 'const x = process.env.HOME'],
    ['imports', 'storage/migrations/20261123-create-tables.ts', "import { x } from '../sessions.ts'"],
    ['imports', 'sql/conditions/trial.ts', "import { x } from '../lineage/scope.ts'"],
    ['imports', 'sql/facts/read-facts.ts', "import { x } from '../masking/masking-scope.ts'"],
    ['imports', 'sql/lineage/read-from.ts', "import { x } from '../masking/masking-scope.ts'"],
    ['imports', 'server/config/config.ts', "import { x } from '../../storage/database.ts'"],
    ['imports', 'cli/output/io.ts', "import { x } from '../../gateway-client/api-client.ts'"],
    ['imports', 'protocols/mysql/gateway/login/proofs.ts', "import { x } from '../pipeline/pipeline.ts'"],
    ['imports', 'protocols/postgres/gateway/results/row-masking.ts', "import { x } from '../pipeline/pending.ts'"],
    ['packages', 'protocols/postgres/gateway/results/row-masking.ts', "import { x } from 'node:net'"],
    ['imports', 'protocols/mysql/gateway/results/row-masking.ts', "import { x } from '../pipeline/pipeline.ts'"],
    ['imports', 'agent/tls/local-tls.ts', "import { x } from '../forward.ts'"],
    ['imports', 'protocols/mysql/dialect/guard.ts', "import { x } from '../masking/scope.ts'"],
    ['imports', 'protocols/mysql/catalog/catalog.ts', "import { x } from '../dialect/words.ts'"],
    ['imports', 'protocols/mysql/catalog/catalog.ts', "import { x } from '../../../masking/plan.ts'"],
    ['imports', 'protocols/mysql/masking/scope.ts', "import { x } from '../gateway/engine.ts'"],
    ['imports', 'protocols/mysql/masking/scope.ts', "import { x } from '../../../shared/errors.ts'"],
    ['imports', 'protocols/mysql/gateway/engine.ts', "import { x } from '../../postgres/gateway/engine.ts'"],
    ['imports', 'protocols/mysql/gateway/engine.ts', "import { x } from '../../../policy/decide.ts'"],
    ['imports', 'protocols/mysql/gateway/engine.ts', "import { x } from '../../../api/server.ts'"],
    ['packages', 'protocols/mysql/target.ts', "import { x } from 'node:net'"],
    ['packages', 'protocols/mysql/rule-sets.ts', "import { z } from 'zod'"],
    ['packages', 'protocols/mysql/wire/framer.ts', "import { x } from 'node:net'"],
    ['packages', 'protocols/mysql/local/challenge.ts', "import { x } from 'node:net'"],
    ['packages', 'protocols/mysql/client.ts', "import { x } from 'node:child_process'"],
    ['packages', 'protocols/mysql/dialect/lexer.ts', "import { x } from 'node:crypto'"],
    ['packages', 'protocols/mysql/catalog/catalog.ts', "import { x } from 'node:fs'"],
    ['packages', 'protocols/mysql/masking/scope.ts', "import { x } from 'node:crypto'"],
    ['packages', 'protocols/mysql/gateway/engine.ts', "import { x } from 'mysql2'"],
    ['uses', 'protocols/mysql/wire/framer.ts', 'const x = Date.now()'],
    ['uses', 'protocols/mysql/local/challenge.ts', 'const x = Date.now()'],
    ['uses', 'protocols/mysql/client.ts', 'const x = process.env.HOME'],
    ['uses', 'protocols/mysql/dialect/lexer.ts', 'const x = performance.now()'],
    ['uses', 'protocols/mysql/masking/scope.ts', 'const x = Date.now()'],
    ['uses', 'protocols/mysql/gateway/engine.ts', 'const x = process.env.HOME'],
    ['fileCircles', 'protocols/mysql/catalog/catalog.ts', "import type { X } from '../masking/scope.ts'"],
    ['folderCircles', 'sql/query.ts', "import type { X } from '../protocols/mysql/dialect/words.ts'"],
    ['purity', 'protocols/mysql/wire/framer.ts', 'const x = Promise.resolve()'],
    ['imports', 'sql/query.ts', "import { x } from '../protocols/mysql/dialect/words.ts'"],
    ['imports', 'gateway/session.ts', "import { x } from '../protocols/mysql/target.ts'"],
    ['imports', 'agent/main.ts', "import { x } from '../protocols/mysql/local.ts'"],
    ['imports', 'cli/main.ts', "import { x } from '../protocols/mysql/client.ts'"],
    ['constants', 'policy/decide.ts', 'const x = await import(`../gateway/${name}.ts`)'],
    ['constants', 'policy/decide.ts', 'const x = await import(`../gateway/session.ts`)'],
    ['constants', 'policy/decide.ts', 'const x = require(name)'],
    ['packages', 'policy/decide.ts', "import { connect } from 'node:net'"],
    ['packages', 'policy/decide.ts', "import { connect } from 'net'"],
    ['packages', 'policy/decide.ts', "import fastify from 'fastify'"],
    ['packages', 'policy/decide.ts', "import { env } from 'node:process'"],
    ['packages', 'policy/decide.ts', "import { x } from '../gateway/session.js'"],
    ['packages', 'policy/decide.ts', "const net = process.getBuiltinModule('node:net')"],
    ['packages', 'protocols/protocol.ts', "import { z } from 'zod'"],
    ['uses', 'policy/decide.ts', 'const x = process.env.HOME'],
    ['uses', 'policy/decide.ts', "const x = process['env']"],
    ['uses', 'policy/decide.ts', 'const { env } = process'],
    ['uses', 'policy/decide.ts', 'const x = globalThis.process.argv'],
    ['uses', 'policy/decide.ts', 'const x = process?.env'],
    ['uses', 'policy/decide.ts', 'const x = Date.now()'],
    ['uses', 'policy/decide.ts', "const x = Date['now']()"],
    ['uses', 'policy/decide.ts', 'const { now } = Date'],
    ['uses', 'policy/decide.ts', 'const x = new Date()'],
    ['uses', 'policy/decide.ts', 'const x = new Date'],
    ['uses', 'policy/decide.ts', 'const x = Date()'],
    ['uses', 'policy/decide.ts', 'const x = process.hrtime.bigint()'],
    ['uses', 'wire/byte-reader.ts', 'const x = performance.now()'],
    ['uses', 'wire/byte-reader.ts', 'const x = performance.timeOrigin'],
    ['fileCircles', 'recording/seal.ts', "import { x } from './recorder.ts'"],
    ['fileCircles', 'recording/seal.ts', "import type { X } from './recorder.ts'"],
    ['fileCircles', 'recording/seal.ts', "import { x } from './seal.ts'"],
    ['folderCircles', 'shared/queue.ts', "import type { X } from '../policy/policy.ts'"],
    ['folderCircles', 'policy/decide.ts', "import { x } from '../gateway/session.ts'"],
    ['purity', 'wire/byte-reader.ts', 'setTimeout(() => {}, 1)'],
    ['purity', 'protocols/ssh/wire/packet.ts', 'async function x() {}'],
    ['purity', 'protocols/postgres/wire/framer.ts', 'queueMicrotask(() => {})'],
    ['purity', 'wire/byte-reader.ts', 'const x = Promise.resolve()'],
    ['web', 'lib/format.ts', "import { x } from '../../src/gateway/session.ts'"],
    ['web', 'lib/format.ts', "import { x } from '../../src/api/schemas/review.ts'"],
    ['web', 'lib/format.ts', "const x = await import('../../src/gateway/session.ts')"],
    ['webFeatures', 'features/inbox/page.tsx', "import { x } from '../policy/page.tsx'"],
    ['webFeatures', 'features/inbox/page.tsx', "const x = await import('../policy/page.tsx')"],
  ])('%s: %s may not have the line %s', (check, file, line) => {
    const folder = check.startsWith('web') ? WEB : SRC
    const all = folder === WEB ? webImports : imports
    const text = `${readFileSync(join(folder, file), 'utf8')}\n${line}\n`
    const own = importsOf(folder, file, text)
    // All but circles are found in one file alone.
    const changed = check.endsWith('Circles') ? [...all.filter(({ from }) => from !== file), ...own] : own
    const found = checks[check](folder, changed, { file, text })
    expect(found).not.toEqual([])
    expect(JSON.stringify(found)).toContain(check === 'folderCircles' ? file.split('/')[0] : file)
  })
})

type Check = (folder: string, imports: readonly Import[], changed?: { file: string; text: string }) => unknown[]

/** Those of one file's text are made with it; all others with every import of a folder. */
const checks = {
  imports: (_folder, imports) =>
    insideOf(imports)
      .filter((item) => !mayImport(item))
      .map(described),
  packages: (_folder, imports) =>
    imports.filter((item) => !item.to.endsWith('.ts') && item.to !== '?' && !mayUse(item)).map(described),
  constants: (_folder, imports) => imports.filter(({ to }) => to === '?').map(({ from }) => from),
  uses: (_folder, _imports, changed) => (changed === undefined ? [] : usesOf(changed.file, changed.text)),
  fileCircles: (_folder, imports) => circles(graphOf(insideOf(imports))),
  folderCircles: (_folder, imports) => {
    const room = (file: string): string =>
      file.startsWith('protocols/') ? file.split('/').slice(0, 2).join('/') : (file.split('/')[0] as string)
    const between = insideOf(imports)
      .map(({ from, to, typeOnly }) => ({ from: room(from), to: room(to), typeOnly }))
      .filter(({ from, to }) => from !== to)
    return circles(graphOf(between))
  },
  purity: (_folder, _imports, changed) => (changed === undefined ? [] : impurities(changed.file, changed.text)),
  web: (_folder, imports) =>
    imports
      .filter(({ to }) => to.startsWith('../src/'))
      .filter(({ to, typeOnly }) => {
        const path = to.slice('../src/'.length)
        return !(
          path === 'gateway-client/api-client.ts' ||
          path === 'protocols/names.ts' ||
          path.startsWith('shared/') ||
          // Who decides where several rules ask at once.
          path === 'policy/joint-approvers.ts' ||
          // What the command line says in the same words.
          /^recording\/(?:introspection|audit-event-types|audit-sentences)\.ts$/.test(path) ||
          (typeOnly && /^(api\/schemas|recording|gateway-client)\//.test(path))
        )
      })
      .map(described),
  webFeatures: (_folder, imports) => {
    const featureOf = (file: string): string | undefined => /^features\/([^/]+)\//.exec(file)?.[1]
    return imports
      .filter(({ from, to }) => {
        const [one, other] = [featureOf(from), featureOf(to)]
        if (one === undefined || other === undefined || one === other) return false
        return WEB_FEATURES[one]?.includes(other) !== true
      })
      .map(described)
  },
} satisfies Record<string, Check>

const insideOf = (imports: readonly Import[]): Import[] => imports.filter(({ to }) => to.endsWith('.ts'))

/** Clocks and the environment, however they are spelled, where the table gives the file none. */
function usesOf(file: string, text: string): string[] {
  const { clock = false, environment = false } = rowOf(file)
  return [...(clock ? [] : (text.match(CLOCK) ?? [])), ...(environment ? [] : (text.match(ENVIRONMENT) ?? []))].map(
    (use) => `${file}: ${use}`,
  )
}

/** `new Date(time)` is no clock. */
const CLOCK =
  /\bDate\??\.now\b|\bDate\[|\}\s*=\s*(?:globalThis\.)?(?:Date|performance)\b|\bperformance\s*(?:\??\.|\[)|\bprocess\??\.(?:hrtime|uptime)\b|\bnew Date(?!\s*\(\s*[^\s)])\b|\bnew Date\(\s*\)|(?<!new )\bDate\(/g
const ENVIRONMENT = /\bprocess\s*(?:\??\.\s*(?:env|argv)\b|(?:\?\.)?\[)|\}\s*=\s*(?:globalThis\.)?process\b/g

const impurities = (file: string, text: string): string[] =>
  /^wire\/|^protocols\/\w+\/wire\//.test(file) ? (text.match(ASYNCHRONOUS) ?? []).map((use) => `${file}: ${use}`) : []

const ASYNCHRONOUS = /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask|nextTick|await|async|Promise)\b/g

function sourcesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => file.replaceAll('\\', '/'))
}

/** As much of a syntax tree (ESTree, TS-ESTree) as imports need. */
interface Node {
  readonly type: string
  readonly source?: { readonly value?: unknown } | null
  readonly argument?: { readonly literal?: { readonly value?: unknown } }
  readonly importKind?: string
  readonly exportKind?: string
  readonly specifiers?: readonly { readonly importKind?: string; readonly exportKind?: string }[]
}

interface Call {
  readonly callee: { readonly type: string; readonly name?: string; readonly property?: { readonly name?: string } }
  readonly arguments: readonly { readonly value?: unknown }[]
}

/** Read by a parser: imports without names, of types, at run time, and exports from elsewhere included. */
function importsOf(folder: string, file: string, text = readFileSync(join(folder, file), 'utf8')): Import[] {
  const { program, errors } = parseSync(file, text, { lang: file.endsWith('x') ? 'tsx' : 'ts', sourceType: 'module' })
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`)
  const found: Import[] = []
  const add = (specifier: unknown, typeOnly: boolean): void => {
    const text = typeof specifier === 'string' ? specifier : '?'
    found.push({
      from: file,
      to: text.startsWith('.') ? relative(folder, join(folder, dirname(file), text)) : text,
      typeOnly,
    })
  }
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit)
    if (node === null || typeof node !== 'object') return
    const { type, source, argument, importKind, exportKind, specifiers } = node as Node
    switch (type) {
      case 'ImportDeclaration':
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration': {
        if (source === null || source === undefined) break
        const kinds = (specifiers ?? []).map((item) => item.importKind ?? item.exportKind)
        add(
          source.value,
          (importKind ?? exportKind) === 'type' || (kinds.length > 0 && kinds.every((kind) => kind === 'type')),
        )
        break
      }
      case 'ImportExpression':
        add(source?.value, false)
        break
      // CommonJS: `import x = require('…')`, `require('…')`, and what Node gives by name.
      case 'TSExternalModuleReference':
        add((node as { expression?: { value?: unknown } }).expression?.value, false)
        break
      case 'CallExpression': {
        const { callee, arguments: given } = node as Call
        const name = callee.type === 'MemberExpression' ? callee.property?.name : callee.name
        if (name === 'require' || name === 'getBuiltinModule') add(given[0]?.value, false)
        break
      }
      case 'TSImportType':
        add((source ?? argument?.literal)?.value, true)
        break
    }
    Object.values(node).forEach(visit)
  }
  visit(program)
  return found
}

function rowOf(file: string): Row {
  const row = Object.keys(ROWS)
    .filter((key) => file === key || file.startsWith(`${key}/`))
    .toSorted((a, b) => b.length - a.length)[0]
  return ROWS[row ?? ''] ?? { imports: [] }
}

function mayImport({ from, to, typeOnly }: Import): boolean {
  return rowOf(from).imports.some((rule) => {
    const onlyTypes = rule.startsWith('type:')
    const pattern = onlyTypes ? rule.slice(5) : rule
    if (onlyTypes && !typeOnly) return false
    if (pattern.endsWith('/*.ts')) return dirname(to) === pattern.slice(0, -5)
    return to === pattern || (pattern.endsWith('/') || pattern === '' ? to.startsWith(pattern) : false)
  })
}

function mayUse({ from, to, typeOnly }: Import): boolean {
  const { packages = [] } = rowOf(from)
  return packages.includes(to) || (typeOnly && packages.includes(`type:${to}`))
}

const described = ({ from, to, typeOnly }: Import): string => `${from} → ${to}${typeOnly ? ' (type)' : ''}`

function graphOf(imports: readonly Import[]): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>()
  for (const { from, to } of imports) graph.set(from, (graph.get(from) ?? new Set<string>()).add(to))
  return graph
}

/** Groups of nodes that reach each other (Tarjan 1972). */
function circles(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  const visit = (node: string): void => {
    index.set(node, index.size)
    low.set(node, index.get(node) as number)
    stack.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!index.has(next)) visit(next)
      if (stack.includes(next)) low.set(node, Math.min(low.get(node) as number, low.get(next) as number))
    }
    if (low.get(node) !== index.get(node)) return
    const group = stack.splice(stack.indexOf(node))
    if (group.length > 1 || graph.get(node)?.has(node) === true) found.push(group.toSorted())
  }
  for (const node of graph.keys()) if (!index.has(node)) visit(node)
  return found
}
