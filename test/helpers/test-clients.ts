import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { hasProgram } from '../../src/demo/programs.ts'
import { TEST_CACHE } from '../../src/demo/test-cache.ts'

export { hasProgram }

/** Path of a file in the cache; undefined if it is not installed, so that its tests are skipped. */
export function cached(...path: readonly string[]): string | undefined {
  const file = join(TEST_CACHE, ...path)
  return existsSync(file) ? file : undefined
}

/** The interpreter that has asyncpg, psycopg, paramiko, asyncssh, Django, SQLAlchemy, PyMySQL, mysqlclient, Connector/Python, mycli, HTTPie and requests. */
export const PYTHON: string | undefined = cached('python', 'bin', 'python')

/** pgjdbc, for the class path. */
export const PGJDBC: string | undefined = cached('java', 'postgresql-42.7.4.jar')

/** Connector/J and MariaDB Connector/J, likewise. */
export const CONNECTOR_J: string | undefined = cached('java', 'mysql-connector-j-9.7.0.jar')
export const MARIADB_CONNECTOR_J: string | undefined = cached('java', 'mariadb-java-client-3.5.6.jar')

/** test/fixtures/clients/mysql-go, built. */
export const MYSQL_GO: string | undefined = cached('go', 'mysql-go')

/** A client on golang.org/x/crypto/ssh: test/fixtures/clients/ssh-go. */
export const SSH_GO: string | undefined = cached('go', 'ssh-go')

/** test/fixtures/clients/kube-go, built. */
export const KUBE_GO: string | undefined = cached('go', 'kube-go')

/** test/fixtures/clients/kube-informer, built. */
export const KUBE_INFORMER: string | undefined = cached('go', 'kube-informer')

/** test/fixtures/clients/pgx, built. */
export const PGX_CLIENT: string | undefined = cached('go', 'pgx-client')

/** test/fixtures/http/go-mux, built: a service on net/http. */
export const GO_MUX: string | undefined = cached('go', 'go-mux')

/** test/fixtures/clients/http-go, built: a server and a client on net/http. */
export const HTTP_GO: string | undefined = cached('go', 'http-go')

/** HTTPie's `http`. */
export const HTTPIE: string | undefined = cached('python', 'bin', 'http')

/** A registry for packages of npm: the program that starts it. */
export const VERDACCIO: string | undefined =
  cached('verdaccio', '.package') && cached('verdaccio', 'node_modules', 'verdaccio', 'bin', 'verdaccio')

/** test/fixtures/http/grpc-go, built: the interoperability tests of gRPC, server and client. */
export const GRPC_GO: string | undefined = cached('go', 'grpc-go')

/** A Keycloak that is built for the database in memory. */
export const KEYCLOAK: string | undefined = cached('keycloak-26.7.3', '.built') && cached('keycloak-26.7.3')

/** The OpenID provider, and the vault, of scripts/install-identity-servers. */
export const DEX: string | undefined = cached('identity', 'dex-2.44.0')
export const VAULT: string | undefined = cached('identity', 'vault-1.14.1')
