import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startMariadb } from '../../dist/demo/local-mariadb.js'
import { DEMO_ACCOUNT } from '../../dist/demo/sample-data.js'

export const DATABASE = 'bench'

/** A MariaDB of the system with sysbench's database, and the demo's account, which may do everything in it. */
export async function startBenchMariadb() {
  const server = await startMariadb({
    directory: mkdtempSync(join(tmpdir(), 'pamctl-bench-maria-')),
    settings: { 'innodb-buffer-pool-size': '256M', 'max-connections': '500', 'max-allowed-packet': '64M' },
  })
  const { user, password } = DEMO_ACCOUNT
  server.sql(`
    create database ${DATABASE} character set utf8mb4;
    create user ${user}@'127.0.0.1' identified by '${password}';
    grant all on ${DATABASE}.* to ${user}@'127.0.0.1';`)
  return server
}

/** It as a target; `labels` are what rules know it by. */
export const mysqlTarget = (name, port, labels) => `
  - name: ${name}
    type: mysql
    labels: { ${labels} }
    host: 127.0.0.1
    port: ${port}
    database: ${DATABASE}
    user: ${DEMO_ACCOUNT.user}
    password: file:target-password
    tls: disable`
