import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DEMO_ACCOUNT } from '../../src/demo/sample-data.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { authentication, type Authentication } from '../../src/protocols/postgres/wire/authentication.ts'
import { SYNC, TERMINATE } from '../../src/protocols/postgres/wire/client-message.ts'
import { encodeMessage, parameterStatus, readyForQuery } from '../../src/protocols/postgres/wire/server-message.ts'
import { eventually, openPort, signIn, type Port, type SignedIn } from '../helpers/gateway-client.ts'
import { hostilePostgres, type HostilePostgres, type Said } from '../helpers/hostile-postgres.ts'
import { B, D, E, P, Q, startup } from '../helpers/messages.ts'
import { ownGateways, type OwnGateways } from '../helpers/own-gateway.ts'

/**
 * Whoever answers in a target's place: a taken-over database, or anybody on the path. No limit of time ends anything here: what
 * ends, ends because of what happened. By hand, others and more of them: PAMCTL_FUZZ_SEED=$RANDOM PAMCTL_FUZZ_FACTOR=20 npx vitest run …
 */
let own: OwnGateways
let gateway: RunningGateway
let jane: SignedIn
let hostile: HostilePostgres
let bystander: pg.Client
let real: pg.Client
const ports: Record<string, Port> = {}

beforeAll(async () => {
  own = await ownGateways()
  hostile = await hostilePostgres(own.postgres.port)
  const target = (name: string, more: string, password = 'password: file:target-password'): string => `
  - { name: ${name}, type: postgres, labels: { env: dev }, host: 127.0.0.1, port: ${hostile.port}, database: app_dev, user: ${DEMO_ACCOUNT.user}, ${password}, ${more} }`
  const targets = [
    target('plain', 'tls: disable'),
    target('encrypted', 'tls: require'),
    target('verified', 'tls: verify-ca'),
    target('masked', 'tls: disable'),
    target('lax', 'tls: disable, authentication: [cleartext-password, md5, none]'),
    target('trusting', 'tls: disable', 'recordRows: 0 B'),
  ]
  const directory = await own.configured((config) =>
    config
      .replace('\naccess:', `${targets.join('')}\naccess:`)
      // What is decided by the text of statements alone reads no catalogs at login while others have read them lately.
      .replace(
        '\ncommands:',
        '\ncommands:\n  - { name: by definitions, targets: { labels: { env: dev } }, match: { relations: [secret.closed] }, deny: closed }',
      )
      .replace(
        '\nmasking:',
        '\nlimits: { handshake: 1h, catalogs: 1h, catalogBytes: 4194304 }\nmasking:\n  - { name: all, targets: { names: [masked] }, columns: [customer_names.email, customers.email], style: partial }',
      ),
  )
  gateway = await own.start(directory)
  real = await own.superuser('app_dev')
  await real.query('create view customer_names as select name, email from customers')
  jane = await signIn(gateway.url, 'jane')
  for (const name of ['plain', 'encrypted', 'verified', 'masked', 'lax', 'trusting', 'dev-db'])
    ports[name] = await openPort(jane, name)
  bystander = await login('dev-db')
})
beforeEach(async () => {
  hostile.answer = () => 'pass'
  hostile.mutate = undefined
  // Catalogs are read again where there was a transaction.
  await real.query('select txid_current()')
})
afterAll(async () => {
  await bystander?.end()
  await real?.end()
  for (const port of Object.values(ports)) port.close()
  hostile?.stop()
  await own?.stop()
})

async function login(target: string): Promise<pg.Client> {
  const db = new pg.Client({
    host: '127.0.0.1',
    port: ports[target]?.port ?? 0,
    user: 'app',
    database: 'app_dev',
    ssl: false,
  })
  db.on('error', () => {})
  await db.connect()
  return db
}

interface Failure {
  readonly code: string
  readonly message: string
}
const failureOf = (work: Promise<unknown>): Promise<Failure> =>
  work.then(
    () => ({ code: '', message: 'it worked' }),
    (error: Failure) => error,
  )

/** The gateway is there, and others do not notice. */
async function othersGoOn(): Promise<void> {
  expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
  expect((await bystander.query('select 1 as ok')).rows).toEqual([{ ok: 1 }])
  expect(gateway.log()).not.toMatch(/uncaught|unhandled|"INTERNAL"|tunnel\.failed|session\.failed/)
}

type Asked = Authentication extends infer M ? (M extends Authentication ? Omit<M, 'type'> : never) : never
const auth = (message: Asked) => encodeMessage(authentication, { type: 'authentication', ...message })
const OK = auth({ method: 'ok' })
const sasl = (...mechanisms: string[]): Buffer => auth({ method: 'sasl', mechanisms })
const goesOn = (text: string): Buffer => auth({ method: 'sasl-continue', data: Buffer.from(text) })
const bytes = (tag: string, length: number, rest = ''): Buffer => {
  const header = Buffer.alloc(5)
  header.write(tag)
  header.writeInt32BE(length, 1)
  return Buffer.concat([header, Buffer.from(rest, 'latin1')])
}
const whole = (tag: string, body: string): Buffer => bytes(tag, 4 + body.length, body)

/** Bytes that no PostgreSQL sends, wherever they come. */
const NONSENSE: Record<string, Buffer> = {
  'a length of 0': bytes('R', 0),
  'a length of 3': bytes('R', 3),
  'a negative length': bytes('R', -1),
  'a length of 2 GiB': bytes('D', 0x7fffffff, 'x'),
  'authentication that does not exist': whole('R', '\0\0\0\x63'),
  'authentication without a method': whole('R', ''),
  'a salt that is cut': whole('R', '\0\0\0\x05ab'),
  'mechanisms without an end': whole('R', '\0\0\0\x0aSCRAM-SHA-256'),
  'mechanisms without number': whole('R', `\0\0\0\x0a${'a\0'.repeat(60_000)}\0`),
  'a row description of 65,535 columns in 5 bytes': whole('T', '\xff\xff\0\0\0'),
  'a row description of -1 columns': whole('T', '\xff\xff'),
  'an error without an end': whole('E', 'SFATAL\0C28P01\0Mno'),
  'an error without a terminator': whole('E', 'SFATAL\0C28P01\0Mno\0'),
  'an error of nothing': whole('E', ''),
  'an error with bytes behind it': whole('E', 'SFATAL\0C28P01\0\0more'),
  'a notice without an end': Buffer.concat([whole('N', 'SNOTICE'), whole('R', '\0\0\0\x63')]),
  'a parameter without an end': whole('S', 'TimeZone'),
  'a parameter without a value': whole('S', 'TimeZone\0'),
  'a key that is cut': whole('K', '\0\0\0\x01'),
  'a key of 300 bytes': whole('K', `\0\0\0\x01${'k'.repeat(300)}`),
  'readiness without a status': whole('Z', ''),
  'readiness of a status that does not exist': whole('Z', 'X'),
  'a row without columns before it': whole('D', '\0\0'),
  'a row of 65,535 values': whole('D', '\xff\xff\0\0\0\x01a'),
  'a row with a value of length -5': whole('D', '\0\x01\xff\xff\xff\xfb'),
  'a tag without an end': whole('C', 'SELECT 1'),
  'copying in both directions': whole('W', '\0\0\0'),
  'a letter that is none': whole('\x07', ''),
  'negotiation of a version that was not asked for': whole('v', '\0\x03\0\0\0\0\0\0'),
}
/** More than a target has to say. */
const FLOODS: Record<string, Buffer> = {
  notices: Buffer.concat(Array.from({ length: 6000 }, () => whole('N', 'SNOTICE\0C00000\0Mhello\0\0'))),
  parameters: Buffer.concat(Array.from({ length: 6000 }, (_, i) => parameterStatus(`p${i}`, 'x'))),
}

/** Where in its life a connection is when the target stops to be one. */
const POINTS: Record<string, (said: Said) => boolean> = {
  'the start-up': ({ what }) => what === 'startup',
  'the first message of SCRAM': ({ what, text }) => what === 'p' && text.includes('SCRAM'),
  'the proof of SCRAM': ({ what, text }) => what === 'p' && text.includes(',p='),
  'the state of the catalogs': ({ text }) => text.includes('pg_postmaster_start_time'),
  'the catalogs': ({ text }) => text.includes('pg_catalog.pg_attrdef t'),
}
const CATALOGS = POINTS['the catalogs'] as (said: Said) => boolean
const at = (point: (said: Said) => boolean, answer: Buffer | 'silent') => {
  hostile.answer = (said) => (point(said) ? answer : 'pass')
}

describe('during login', () => {
  it.each(Object.entries(POINTS))(
    'whatever answers %s ends that session, with an error, and no other',
    async (_, point) => {
      for (const [what, answer] of Object.entries({ ...NONSENSE, ...FLOODS })) {
        at(point, Buffer.concat([answer, readyForQuery('I')]))
        await real.query('select txid_current()')
        const { code, message } = await failureOf(login('plain'))
        expect([what, code]).toEqual([what, expect.stringMatching(/^(08P01|54000|28000|08004)$/)])
        expect(message).toContain('pam: plain: ')
        await othersGoOn()
      }
      await hostile.allClosed()
    },
    120_000,
  )

  it('messages that are right each, and not in this place', async () => {
    const nonce = /r=([^,]+)$/
    const first = (said: Said, iterations = 4096): Buffer =>
      goesOn(`r=${nonce.exec(said.text)?.[1]}more,s=${Buffer.from('salt').toString('base64')},i=${iterations}`)
    type Turn = (said: Said) => Buffer
    const cases: [string, Turn, Turn][] = [
      ['no proof is asked for', () => OK, () => OK],
      ['let in in the middle', () => sasl('SCRAM-SHA-256'), () => OK],
      [
        'asked for another method in the middle',
        () => sasl('SCRAM-SHA-256'),
        () => auth({ method: 'cleartext-password' }),
      ],
      ['asked twice', () => sasl('SCRAM-SHA-256'), () => sasl('SCRAM-SHA-256')],
      ['the end before the middle', () => auth({ method: 'sasl-final', data: Buffer.from('v=x') }), () => OK],
      ['the middle first', () => goesOn('r=x,s=YQ==,i=4096'), () => OK],
      ['ready before it let anybody in', () => readyForQuery('I'), () => OK],
      ['a mechanism of another kind', () => sasl('OAUTHBEARER', 'SCRAM-SHA-512'), () => OK],
      ['no mechanism', () => sasl(), () => OK],
      ['binding without TLS', () => sasl('SCRAM-SHA-256-PLUS'), () => OK],
      ['another nonce', () => sasl('SCRAM-SHA-256'), () => goesOn('r=other,s=YQ==,i=4096')],
      [
        'the nonce as it was',
        () => sasl('SCRAM-SHA-256'),
        (said) => goesOn(`r=${nonce.exec(said.text)?.[1]},s=YQ==,i=4096`),
      ],
      ['one round', () => sasl('SCRAM-SHA-256'), (said) => first(said, 1)],
      ['rounds without end', () => sasl('SCRAM-SHA-256'), (said) => first(said, 999_999_999)],
      ['rounds that are no number', () => sasl('SCRAM-SHA-256'), (said) => first(said, Number.NaN)],
    ]
    for (const [what, one, two] of cases) {
      let turns = 0
      const { code } = await withTurns((said) => (turns++ === 0 ? one(said) : two(said)))
      expect([what, code]).toEqual([what, expect.stringMatching(/^(08P01|28000)$/)])
      await othersGoOn()
    }
    for (const final of ['v=', `v=${Buffer.alloc(32).toString('base64')}`, 'e=other-error', '']) {
      const { code } = await withTurns((said) =>
        said.what === 'startup'
          ? sasl('SCRAM-SHA-256')
          : said.text.includes(',p=')
            ? Buffer.concat([auth({ method: 'sasl-final', data: Buffer.from(final) }), OK, readyForQuery('I')])
            : first(said),
      )
      expect([final, code]).toEqual([final, '08P01'])
    }
    await hostile.allClosed()
  })

  it('a target that never ends its catalogs is left', async () => {
    const row = whole('D', `\0\x01\0\0\x40\0${'x'.repeat(16_384)}`)
    const column = `\0\x01a\0${'\0'.repeat(18)}`
    at(CATALOGS, Buffer.concat([whole('T', column), ...Array.from({ length: 300 }, () => row)]))
    expect(await failureOf(login('plain'))).toMatchObject({ code: '54000' })
    const small = whole('D', '\0\x01\xff\xff\xff\xff')
    at(CATALOGS, Buffer.concat([whole('T', column), ...Array.from({ length: 200_000 }, () => small)]))
    expect(await failureOf(login('plain'))).toMatchObject({ code: '54000' })
    await othersGoOn()
  })

  it('statements would be read otherwise by a server with other settings: it is not used', async () => {
    hostile.mutate = (said) =>
      Buffer.from(
        said.toString('latin1').replace('standard_conforming_strings\0on\0', 'standard_conforming_strings\0no\0'),
        'latin1',
      )
    expect(await failureOf(login('plain'))).toMatchObject({ code: '42501' })
  })
})

/** A server that answers everything by itself. */
async function withTurns(turn: (said: Said) => Buffer, target = 'plain'): Promise<Failure> {
  hostile.answer = turn
  return failureOf(login(target))
}

describe('the password', () => {
  const asks: Record<string, Buffer> = {
    'in clear text': auth({ method: 'cleartext-password' }),
    'hashed with MD5': auth({ method: 'md5-password', salt: Buffer.from('salt') }),
    'not at all': OK,
  }
  it.each(['plain', 'trusting'])('is not sent to a target that asks %s for it', async (name) => {
    for (const [how, asked] of Object.entries(asks)) {
      if (name === 'trusting' && how === 'not at all') continue
      const { code, message } = await withTurns(({ what }) => (what === 'startup' ? asked : OK), name)
      expect([how, code]).toEqual([how, '28000'])
      expect(message).toContain('which its configuration does not allow')
    }
    await hostile.allClosed()
    const received = hostile.received().toString('latin1')
    expect(received).not.toContain('demo-account-password')
    expect(received).not.toMatch(/md5[0-9a-f]{32}/)
    expect(gateway.log()).not.toContain('demo-account-password')
  })

  it('is sent to a server without TLS where the configuration says so', async () => {
    const given = async (asked: Buffer): Promise<string> => {
      let password = ''
      await withTurns(({ what, text }) => {
        if (what === 'p') password = text.slice(5, -1)
        return what === 'startup' ? asked : bytes('R', 0)
      }, 'lax')
      return password
    }
    expect(await given(asks['in clear text'] as Buffer)).toBe('demo-account-password')
    const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
    expect(await given(asks['hashed with MD5'] as Buffer)).toBe(`md5${md5(`${md5('demo-account-passwordapp')}salt`)}`)
    hostile.answer = () => 'pass'
    // SCRAM is not among what that target allows.
    expect(await failureOf(login('lax'))).toMatchObject({ code: '28000' })
  })
})

describe('TLS', () => {
  const answers: [string, Buffer, string][] = [
    ['no', Buffer.from('N'), '08001'],
    ['an error, as servers before TLS', whole('E', 'SFATAL\0C08P01\0Mno\0\0'), '08001'],
    ['something else', Buffer.from('?'), '08001'],
    ['yes, with bytes behind it', Buffer.from('SE'), '08P01'],
  ]
  it.each(answers)('a target that answers %s to the request is not talked to', async (_, answer, code) => {
    at(({ what }) => what === 'ssl-request', answer)
    expect(await failureOf(login('encrypted'))).toMatchObject({ code })
    await othersGoOn()
    await hostile.allClosed()
  })
})

describe('a target that falls silent', () => {
  const points: [string, string, (said: Said) => boolean, Buffer | 'silent'][] = [
    ...Object.entries(POINTS).map(([name, point]): [string, string, (said: Said) => boolean, 'silent'] => [
      name,
      'plain',
      point,
      'silent',
    ]),
    ['the request for TLS', 'encrypted', ({ what }) => what === 'ssl-request', 'silent'],
    ['the handshake of TLS', 'encrypted', ({ what }) => what === 'ssl-request', Buffer.from('S')],
    ['the definitions of views', 'masked', ({ text }) => text.includes('pg_get_viewdef'), 'silent'],
  ]
  /** Connects, and waits until the target was asked what it does not answer. */
  async function stalled(name: string, point: (said: Said) => boolean, answer: Buffer | 'silent') {
    let asked!: () => void
    const isAsked = new Promise<void>((resolve) => (asked = resolve))
    hostile.answer = (said) => {
      if (!point(said)) return 'pass'
      asked()
      return answer
    }
    const port = ports[name] as Port
    const from = port.frames.length
    const socket = connect(port.port, '127.0.0.1')
    socket.write(startup('app_dev'))
    const told: Buffer[] = []
    socket.on('data', (chunk) => told.push(chunk))
    const closed = new Promise<string>((resolve) =>
      socket.on('close', () => resolve(Buffer.concat(told).toString('latin1'))),
    )
    await isAsked
    // It was said before the target was asked, over another connection.
    const opened = await eventually(() => port.frames.slice(from).find(({ type }) => type === 'opened'), 'it is opened')
    return { socket, closed, id: String((opened as { id?: string }).id) }
  }

  it.each(points)(
    'at %s: killing the session ends it, natively, and the connection to the target',
    async (...point) => {
      const [, name, where, answer] = point
      const { closed, id } = await stalled(name, where, answer)
      await jane.api.sessions.kill(id, 'test')
      expect(await closed).toMatch(/SFATAL.*C57P01/s)
      await hostile.allClosed()
      await eventually(async () => (await jane.api.sessions.get(id)).ended, 'it is over')
    },
  )

  it.each(points)('at %s: a client that leaves takes the connection to the target with it', async (...point) => {
    const [, name, where, answer] = point
    const { socket } = await stalled(name, where, answer)
    socket.destroy()
    await hostile.allClosed()
  })
})

describe('after the login', () => {
  /** Sends it all, and gives what comes until the connection is closed, or an answer to all of it has come. */
  function exchange(target: string, sent: Buffer): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(ports[target]?.port ?? 0, '127.0.0.1')
      const told: Buffer[] = []
      socket.on('data', (chunk) => told.push(chunk))
      socket.on('error', () => {})
      socket.on('close', () => resolve(Buffer.concat(told).toString('latin1')))
      socket.write(Buffer.concat([startup('app_dev'), sent]))
    })
  }

  it.each(['plain', 'masked'])(
    'whatever answers a statement on %s ends that session, with an error',
    async (target) => {
      for (const [what, answer] of Object.entries(NONSENSE)) {
        // These are no nonsense here: an error, a notice and a parameter of another shape go to the client as they are.
        for (const [kind, sent, asked] of [
          ['simple', Q('select 4711'), 'Q'],
          ['extended', Buffer.concat([P('select 4711'), D('', 'statement'), B(), E(), SYNC]), 'P'],
        ] as const) {
          at(
            (said) => said.what === asked && said.text.includes('4711'),
            Buffer.concat([answer, whole('C', 'SELECT 1\0'), readyForQuery('I'), whole('Y', '')]),
          )
          const told = await exchange(target, sent)
          expect([what, kind, told]).toEqual([what, kind, expect.stringMatching(/SFATAL\0VFATAL\0C(08P01|54000)/)])
          await othersGoOn()
        }
      }
      await hostile.allClosed()
    },
    120_000,
  )

  it('transcripts that are damaged anywhere: the gateway stays, and others do not notice', async () => {
    const statements = Buffer.concat([
      Q('select 1; select customer_id, email from customers'),
      Q('copy customers to stdout'),
      P('select email, $1::text from customer_names', 's'),
      D('s', 'statement'),
      B('s'),
      E('', 3),
      SYNC,
      Q('begin; create table made (a int); rollback'),
      Q('select * from customer_names'),
      Q('select 1/0'),
      TERMINATE,
    ])
    const damage = fc.record({
      at: fc.nat(60_000),
      kind: fc.constantFrom('flip', 'cut', 'twice', 'insert', 'zero', 'length'),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('plain', 'masked'), damage, fc.boolean(), async (target, how, early) => {
        // Half of them during the first kilobytes, which are the login.
        const where = early ? how.at % 3000 : how.at
        let seen = 0
        hostile.mutate = (chunk) => {
          const offset = where - seen
          seen += chunk.length
          return offset < 0 || offset >= chunk.length ? chunk : damaged(chunk, offset, how)
        }
        await real.query('select txid_current()')
        const socket = connect(ports[target]?.port ?? 0, '127.0.0.1')
        socket.on('error', () => {})
        socket.on('data', () => {})
        socket.write(Buffer.concat([startup('app_dev'), statements]))
        const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
        // A length that grew makes everybody wait for the rest; then the client leaves.
        await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 400))])
        socket.resetAndDestroy()
        await othersGoOn()
        await hostile.allClosed()
      }),
      {
        seed: Number(process.env['PAMCTL_FUZZ_SEED'] ?? 1),
        numRuns: 60 * Number(process.env['PAMCTL_FUZZ_FACTOR'] ?? 1),
      },
    )
  }, 1_200_000)
})

function damaged(chunk: Buffer, at: number, { kind, bytes: noise }: { kind: string; bytes: Uint8Array }): Buffer {
  const [before, after] = [chunk.subarray(0, at), chunk.subarray(at)]
  switch (kind) {
    case 'cut':
      return Buffer.concat([before, after.subarray(noise.length)])
    case 'twice':
      return Buffer.concat([before, after, after])
    case 'insert':
      return Buffer.concat([before, noise, after])
    case 'zero':
      return Buffer.concat([before, Buffer.alloc(Math.min(after.length, 64)), after.subarray(64)])
    default: {
      const changed = Buffer.from(chunk)
      const from = kind === 'length' ? lengthAfter(chunk, at) : at
      noise.forEach((byte, index) => {
        if (from + index < changed.length && (kind === 'flip' || index < 4)) changed[from + index] = byte
      })
      return changed
    }
  }
}

/** Where, from an offset on, something stands that looks like the length of a message. */
function lengthAfter(chunk: Buffer, at: number): number {
  for (let i = at; i + 5 < chunk.length; i++)
    if ((chunk[i] as number) > 0x30 && (chunk[i] as number) < 0x7b && chunk.readUInt32BE(i + 1) < 70_000) return i + 1
  return at
}
