import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startMariadb } from '../../src/demo/local-mariadb.ts'
import { makeCertificates } from '../helpers/certificates.ts'
import { isMariadbMissing, MARIADB_VERSIONS, mariadbClient, startTestMariadb } from '../helpers/mariadb.ts'
import { OPENSSL, run } from '../helpers/run.ts'

describe.each(MARIADB_VERSIONS)('MariaDB %s', (version) => {
  const isMissing = isMariadbMissing(version)

  it.skipIf(isMissing || !OPENSSL)(
    'accepts its accounts over TCP and TLS, and removes everything when it stops',
    async () => {
      const directory = mkdtempSync(join(tmpdir(), 'pam-mariadb-tls-'))
      onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
      const tls = makeCertificates(directory)
      const server = await startTestMariadb({
        version,
        tls,
        accounts: [{ user: 'app', password: "it's", grants: ['SELECT, INSERT ON shop.*'] }],
        script: 'CREATE DATABASE shop; CREATE TABLE shop.t (a INT); INSERT INTO shop.t VALUES (1), (2);',
      })
      onTestFinished(() => server.stop())
      expect(server.version).toMatch(new RegExp(`^${version.replace('.', '\\.')}\\.\\d+-MariaDB`))
      expect(server.sql('SELECT a, a + 1 FROM t', 'shop')).toBe('1\t2\n2\t3\n')
      expect(() => server.sql('SELECT a, a + 1 FROM nowhere', 'shop')).toThrow('ERROR 1146 (42S02)')

      const client = mariadbClient(version, 'mariadb') as string
      const options = ['--no-defaults', '--protocol=TCP', '--host=127.0.0.1', `--port=${server.port}`, '--batch', '-N']
      const asApp = await run(client, [...options, '--user=app', `--ssl-ca=${tls.ca}`, '--ssl-verify-server-cert'], {
        env: { MYSQL_PWD: "it's" },
        input: "SHOW STATUS LIKE 'Ssl_version'; SELECT CURRENT_USER(); SELECT SUM(a) FROM shop.t",
      })
      expect(asApp).toEqual({ code: 0, stdout: 'Ssl_version\tTLSv1.3\napp@%\n3\n', stderr: '' })
      const asRoot = await run(client, [...options, `--user=${server.superuser.user}`, '--skip-ssl'], {
        env: { MYSQL_PWD: server.superuser.password },
        input: 'SELECT CURRENT_USER()',
      })
      expect(asRoot).toEqual({ code: 0, stdout: 'root@127.0.0.1\n', stderr: '' })

      await server.stop()
      expect(existsSync(dirname(server.socket))).toBe(false)
    },
  )

  it.skipIf(isMissing)('says why it does not start, or why a script of its accounts failed', async () => {
    await expect(startTestMariadb({ version, settings: { 'no-such-option': '1' } })).rejects.toThrow(
      /MariaDB did not start: .*unknown variable 'no-such-option=1'/s,
    )
    await expect(startTestMariadb({ version, script: 'CREATE TABLE nowhere.t (a INT)' })).rejects.toThrow('ERROR 1049')
  })
})

it.skipIf(isMariadbMissing('10.11'))('makes its data by itself, and logs accounts in by ed25519', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pam-mariadb-'))
  const server = await startMariadb({ directory, settings: { 'plugin-load-add': 'auth_ed25519' } })
  onTestFinished(() => server.stop())
  server.sql("CREATE USER e@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret')")
  const args = ['--no-defaults', '--protocol=TCP', '--host=127.0.0.1', `--port=${server.port}`, '--user=e', '-BN']
  const outcome = await run('mariadb', args, { env: { MYSQL_PWD: 'secret' }, input: 'SELECT CURRENT_USER()' })
  expect(outcome).toEqual({ code: 0, stdout: 'e@%\n', stderr: '' })
})
