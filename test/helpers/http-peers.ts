import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/demo/local-postgres.ts'
import { startEchoServer, type EchoServer } from './http-echo.ts'
import { listens, NGINX, portsSaidBy } from './http-servers.ts'
import { ROOT } from './run.ts'
import { HTTP_GO, PYTHON } from './test-clients.ts'

export type PeerName = 'nginx' | 'node' | 'http.server' | 'Go'

/** Servers of several makes that have the same files, and are there to be seen through the gateway as they are. */
export interface HttpPeers {
  readonly ports: Readonly<Record<PeerName, number>>
  /** The one on Node, which repeats what it is sent. */
  readonly echo: EchoServer
  stop(): Promise<void>
}

export const MISSING_PEERS: readonly string[] = [
  ...(NGINX === undefined ? ['nginx'] : []),
  ...(HTTP_GO === undefined ? ['http-go'] : []),
  ...(PYTHON === undefined ? ['Python'] : []),
]

export async function startHttpPeers(): Promise<HttpPeers> {
  const place = mkdtempSync(join(tmpdir(), 'pamctl-test-peers-'))
  const files = join(place, 'files')
  for (const folder of ['files', 'files/folder', 'dav', 'body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'])
    mkdirSync(join(place, folder))
  for (const [name, bytes] of Object.entries(FILES)) {
    writeFileSync(join(files, name), bytes)
    utimesSync(join(files, name), MODIFIED, MODIFIED)
  }
  const children: ChildProcess[] = []
  const ended: Promise<unknown>[] = []
  const start = (program: string, args: readonly string[]): ChildProcess => {
    const child = spawn(program, args, { cwd: place, stdio: ['ignore', 'pipe', 'ignore'] })
    children.push(child)
    ended.push(new Promise((resolve) => child.once('close', resolve)))
    return child
  }
  const [nginx, python] = [await freePort(), await freePort()]
  const config = readFileSync(join(ROOT, 'test', 'fixtures', 'http', 'files.nginx.conf'), 'utf8')
  writeFileSync(join(place, 'nginx.conf'), config.replaceAll('PLACE', place).replace(':PORT', `:${nginx}`))
  start(NGINX as string, ['-e', 'stderr', '-c', join(place, 'nginx.conf')])
  start(PYTHON as string, ['-m', 'http.server', '--bind', '127.0.0.1', String(python)]).stdout?.resume()
  const go = start(HTTP_GO as string, ['serve', files])
  const echo = await startEchoServer()
  const [[goPort = 0]] = await Promise.all([portsSaidBy(go), listens(nginx), listens(python)])
  return {
    ports: { nginx, node: echo.port, 'http.server': python, Go: goPort },
    echo,
    async stop() {
      for (const child of children) child.kill()
      await echo.stop()
      await Promise.all(ended)
      rmSync(place, { recursive: true, force: true })
    },
  }
}

/** When each of the files was changed, in seconds since 1970. */
const MODIFIED = 1_700_000_000

const noise = (length: number): Buffer => {
  const blocks: Buffer[] = []
  for (let block = 0; block * 32 < length; block++) blocks.push(createHash('sha256').update(String(block)).digest())
  return Buffer.concat(blocks).subarray(0, length)
}

const FILES: Readonly<Record<string, string | Buffer>> = {
  'page.html': '<!doctype html><title>A page</title><p>Grüße</p>\n',
  'data.json': '{"name":"Ada","list":[1,2.50,"\\u00e9"],"wide":"✓"}\n',
  'style.css': 'body { color: #123456 }\n',
  'table.csv': 'a;b\r\n1;"two\r\nlines"\r\n',
  'latin1.txt': Buffer.from('caf\xe9\n', 'latin1'),
  'photo.png': Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), noise(5000)]),
  'film.mp4': noise(2_500_000),
  'empty.txt': '',
  'code.wasm': Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
  'über uns.txt': 'with a blank and an umlaut\n',
  'zeros.bin': Buffer.alloc(70_000),
}
