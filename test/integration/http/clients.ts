import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EchoedRequest } from '../../helpers/http-echo.ts'
import type { HttpGateway } from '../../helpers/http-gateway.ts'
import type { HttpPeers } from '../../helpers/http-peers.ts'
import { seenByServer } from '../../helpers/http-transparency.ts'
import { ROOT, run, type Outcome } from '../../helpers/run.ts'
import { hasProgram, HTTP_GO, HTTPIE, PYTHON } from '../../helpers/test-clients.ts'

interface Between {
  readonly peers: HttpPeers
  /** With a target for each of them. */
  readonly gateway: HttpGateway
}

/** Clients that people use, unchanged: what they print and send is the same directly and through a gateway that allows everything. */
export const clientsOfHttp = (between: () => Between): unknown =>
  describe('clients of HTTP through pamctl connect', () => {
    let files: string

    beforeAll(() => {
      files = mkdtempSync(join(tmpdir(), 'pamctl-test-uploads-'))
      writeFileSync(join(files, 'big.bin'), Buffer.alloc(3_000_000, 'big and binary \0\xff', 'latin1'))
      writeFileSync(join(files, 'small.txt'), 'a small file\n')
      writeFileSync(join(files, 'form.txt'), 'a=1&b=two+words&c=%C3%A4')
    })

    afterAll(() => rmSync(files, { recursive: true, force: true }))

    /** Runs a program twice, each time with `PAMCTL_URL`, `OUT` and `FILES`. */
    async function both(target: 'node' | 'nginx', command: readonly string[], input = '') {
      const { peers, gateway } = between()
      const base = `http://127.0.0.1:${peers.ports[target]}`
      const results: { readonly outcome: Outcome; readonly seen: readonly object[] }[] = []
      for (const through of [false, true]) {
        const out = mkdtempSync(join(files, 'out-'))
        const before = peers.echo.seen.length
        const env = { LC_ALL: 'C.UTF-8', FILES: files, OUT: out, HOME: out, COLUMNS: '80' }
        const [program = '', ...args] = through
          ? [process.execPath, join(ROOT, 'bin', 'pamctl.js'), 'connect', target, '--', ...command]
          : command
        const outcome = await run(program, args, {
          input,
          env: through ? { ...gateway.jane.environment, ...env } : { PAMCTL_URL: base, ...env },
        })
        results.push({
          outcome: { ...outcome, stdout: steady(outcome.stdout, out), stderr: steady(outcome.stderr, out) },
          seen: peers.echo.seen.slice(before).map(withoutBoundary).map(seenByServer),
        })
      }
      const [direct, through] = results as [(typeof results)[0], (typeof results)[0]]
      expect(through).toEqual(direct)
      return direct
    }

    it.each(SCRIPTS.map(({ client, target, lines }) => [client, target, lines] as const))(
      '%s against %s: each line prints and sends the same',
      async (client, target, lines) => {
        if (client === 'HTTPie' ? HTTPIE === undefined : !hasProgram(client))
          throw new Error(`${client} is missing: scripts/install-test-servers installs it`)
        const script = lines
          .map((line, index) => `echo "== ${index}"\n${line}\nstatus=$?; echo; echo "= $status"`)
          .join('\n')
        const path = HTTPIE === undefined ? '' : `PATH="${join(HTTPIE, '..')}:$PATH"`
        const { outcome } = await both(target, ['sh', '-c', `cd "$OUT"\n${path}\n${script}`])
        const statuses = [...outcome.stdout.matchAll(/^= (\d+)$/gm)].map(([, status]) => Number(status))
        expect(statuses).toHaveLength(lines.length)
        // One that fails in both ways compares nothing.
        expect(lines.filter((line, index) => (statuses[index] === 0) === line.includes('# fails'))).toEqual([])
      },
    )

    it.each([
      ['fetch of Node', [process.execPath, join(ROOT, 'test/fixtures/clients/http-fetch.js')]],
      ['requests of Python', [PYTHON ?? '', join(ROOT, 'test/fixtures/clients/http_requests.py')]],
      ['net/http of Go', [HTTP_GO ?? '', 'ask']],
    ] as const)('%s has the same answers, and sends the same', async (name, command) => {
      const questions = name.includes('Python')
        ? [...QUESTIONS, { Method: 'POST', Path: '/created', Files: true }]
        : QUESTIONS
      const input = questions.map((question) => `${JSON.stringify(question)}\n`).join('')
      const { outcome, seen } = await both('node', command, input)
      expect([outcome.code, outcome.stderr]).toEqual([0, ''])
      expect(outcome.stdout.trim().split('\n')).toHaveLength(questions.length)
      // One is a redirect.
      expect(seen).toHaveLength(questions.length + 1)
    })
  })

/** What each run has of its own, as it stands in JSON and in what clients print. */
const steady = (text: string, out: string): string =>
  text
    .replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, 'BASE')
    .replaceAll(out, 'OUT')
    .split('\n')
    .map((line) => (line.startsWith('{"Status"') ? steadyAnswer(line) : line))
    .join('\n')

function steadyAnswer(line: string): string {
  const { Header, ...answer } = JSON.parse(line) as { Header: Readonly<Record<string, unknown>> }
  const fields = Object.entries(Header).map(([name, value]) => [name.toLowerCase(), value] as const)
  const own = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding'])
  return JSON.stringify({ ...answer, fields: fields.filter(([name]) => !own.has(name)).toSorted(byName) })
}

const byName = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number =>
  one < other ? -1 : one > other ? 1 : 0

/** Clients make one up for each form. */
function withoutBoundary(request: EchoedRequest): EchoedRequest {
  const boundary = /boundary="?([^";]+)/.exec(new Map(request.headers).get('content-type') ?? '')?.[1]
  if (boundary === undefined) return request
  const headers = request.headers.map(([name, value]) => [name, value.replace(boundary, 'BOUNDARY')] as const)
  return { ...request, headers, body: request.body.replaceAll(boundary, 'BOUNDARY'), sha256: '' }
}

interface ClientScript {
  readonly client: 'curl' | 'wget' | 'HTTPie'
  readonly target: 'node' | 'nginx'
  /** In sh; those that end with `# fails` exit with something else than 0. */
  readonly lines: readonly string[]
}

const CURL = `curl -sS -w '%{http_code} %{content_type} %{size_download} %{num_redirects}\\n'`
const HTTP = 'http --ignore-stdin --pretty=none --print=b'

const SCRIPTS: readonly ClientScript[] = [
  {
    client: 'curl',
    target: 'node',
    lines: [
      `${CURL} "$PAMCTL_URL/echo?q=1"`,
      `${CURL} "$PAMCTL_URL/echo" -d a=1 -d b=%C3%A4`,
      `${CURL} "$PAMCTL_URL/echo" --json '{"name":"Ada"}'`,
      `${CURL} "$PAMCTL_URL/echo" -T "$FILES/big.bin"`,
      `${CURL} "$PAMCTL_URL/echo" -T - <"$FILES/big.bin"`,
      `${CURL} "$PAMCTL_URL/created" -F note=x -F 'f=@"'"$FILES/small.txt"'";type=text/plain'`,
      `${CURL} "$PAMCTL_URL/echo" -X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"a":null}'`,
      `${CURL} "$PAMCTL_URL/echo" -X DELETE`,
      `${CURL} "$PAMCTL_URL/echo" -G --data-urlencode 'q=a b&c'`,
      `${CURL} -L "$PAMCTL_URL/relative"`,
      `${CURL} -o got "$PAMCTL_URL/megabytes" && sha256sum got`,
      `${CURL} -I -o /dev/null "$PAMCTL_URL/megabytes"`,
      `${CURL} -f "$PAMCTL_URL/failed" # fails`,
      `${CURL} "$PAMCTL_URL/pieces" "$PAMCTL_URL/no-content" "$PAMCTL_URL/echo"`,
      `${CURL} "$PAMCTL_URL/echo" -H 'Expect: 100-continue' -H 'Content-Type: text/plain' -d @"$FILES/small.txt"`,
    ],
  },
  {
    client: 'curl',
    target: 'nginx',
    lines: [
      `${CURL} -r 100-199 -o piece "$PAMCTL_URL/files/film.mp4" && sha256sum piece`,
      `head -c 1000 /dev/zero >part; ${CURL} -C - -o part "$PAMCTL_URL/files/film.mp4" && sha256sum part`,
      `${CURL} -z '2024-01-01' "$PAMCTL_URL/files/data.json"`,
      `${CURL} --etag-save tag "$PAMCTL_URL/files/data.json"; ${CURL} --etag-compare tag "$PAMCTL_URL/files/data.json"`,
      `${CURL} "$PAMCTL_URL/files/%C3%BCber%20uns.txt"`,
      `${CURL} -L "$PAMCTL_URL/moved"`,
      `${CURL} -OR "$PAMCTL_URL/files/photo.png" && stat -c %Y photo.png`,
    ],
  },
  {
    client: 'wget',
    target: 'node',
    lines: [
      'wget -q -O- "$PAMCTL_URL/echo?q=1"',
      'wget -q -O- --post-data "a=1&b=2" "$PAMCTL_URL/echo"',
      'wget -q -O- --post-file "$FILES/form.txt" "$PAMCTL_URL/echo"',
      'wget -q -O- --method=PUT --header "Content-Type: text/plain" --body-file "$FILES/small.txt" "$PAMCTL_URL/echo"',
      'wget -q -O- --method=DELETE "$PAMCTL_URL/echo"',
      'wget -q -O- "$PAMCTL_URL/relative"',
      'wget -q -O got "$PAMCTL_URL/megabytes" && sha256sum got',
      'wget -q --spider "$PAMCTL_URL/echo"',
      'wget -q -O- "$PAMCTL_URL/forbidden" # fails',
      'wget -q --content-disposition "$PAMCTL_URL/download" && ls',
    ],
  },
  {
    client: 'wget',
    target: 'nginx',
    lines: [
      'head -c 1000 /dev/zero >film.mp4; wget -q -c "$PAMCTL_URL/files/film.mp4" && sha256sum film.mp4',
      'wget -q -r -np -nH -l1 --reject "index.html*" "$PAMCTL_URL/list/" && find list -type f -exec sha256sum {} + | sort',
      'wget -q -N "$PAMCTL_URL/files/style.css" && wget -q -N "$PAMCTL_URL/files/style.css" && stat -c %Y style.css',
    ],
  },
  {
    client: 'HTTPie',
    target: 'node',
    lines: [
      `${HTTP} "$PAMCTL_URL/echo" q==1`,
      `${HTTP} POST "$PAMCTL_URL/echo" name=Ada age:=36`,
      `${HTTP} --form POST "$PAMCTL_URL/echo" a=1 b='two words'`,
      `${HTTP} --multipart POST "$PAMCTL_URL/created" note=x f@"$FILES/small.txt"`,
      `${HTTP} PUT "$PAMCTL_URL/echo" @"$FILES/big.bin"`,
      'http --pretty=none --print=b PUT "$PAMCTL_URL/echo" Content-Type:text/plain <"$FILES/small.txt"',
      `${HTTP} PATCH "$PAMCTL_URL/echo" a:=null`,
      `${HTTP} DELETE "$PAMCTL_URL/echo"`,
      `${HTTP} --follow "$PAMCTL_URL/relative"`,
      'http --ignore-stdin --quiet --download -o got "$PAMCTL_URL/megabytes" && sha256sum got',
      `${HTTP} --check-status "$PAMCTL_URL/conflict" # fails`,
      `${HTTP} --stream "$PAMCTL_URL/pieces"`,
    ],
  },
]

const QUESTIONS = [
  { Method: 'GET', Path: '/echo?q=a%20b&x=%C3%A4' },
  { Method: 'HEAD', Path: '/megabytes' },
  { Method: 'GET', Path: '/megabytes' },
  { Method: 'POST', Path: '/echo', Type: 'application/json', Body: '{"name":"Ada ✓"}' },
  { Method: 'POST', Path: '/echo', Type: 'application/x-www-form-urlencoded', Body: 'a=1&b=2' },
  { Method: 'PUT', Path: '/echo', Type: 'text/plain', Body: 'long '.repeat(400_000) },
  { Method: 'PATCH', Path: '/echo', Type: 'application/merge-patch+json', Body: '{}', Headers: { 'If-Match': '"v7"' } },
  { Method: 'DELETE', Path: '/echo' },
  { Method: 'OPTIONS', Path: '/echo' },
  { Method: 'GET', Path: '/relative' },
  { Method: 'GET', Path: '/problem' },
  { Method: 'GET', Path: '/no-content' },
  { Method: 'GET', Path: '/unavailable' },
  { Method: 'GET', Path: '/pieces' },
  { Method: 'GET', Path: '/repeated' },
  { Method: 'GET', Path: '/download' },
  { Method: 'GET', Path: '/latin1' },
]
