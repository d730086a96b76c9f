// A PostgreSQL client that reads a result and looks at none of it. `drain.js PORT SQL`: prints bytes, milliseconds, CPU seconds.
// With a third argument it stops reading for that many milliseconds after the first megabyte.
import { createHash } from 'node:crypto'
import { connect } from 'node:net'

const [port, sql, stall = '0', digest = ''] = process.argv.slice(2)
const text = (...parts) => Buffer.from(parts.map((part) => `${part}\0`).join(''))
const message = (tag, body) => {
  const head = Buffer.alloc(tag === '' ? 4 : 5)
  if (tag !== '') head.write(tag)
  head.writeInt32BE(4 + body.length, head.length - 4)
  return Buffer.concat([head, body])
}

const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
const startup = Buffer.concat([
  Buffer.from([0, 3, 0, 0]),
  text('user', process.env.PGUSER, 'database', process.env.PGDATABASE),
  Buffer.from([0]),
])
socket.write(message('', startup))
const { default: saslModule } = await import('pg/lib/crypto/sasl.js')

let pending = Buffer.alloc(0)
let session
let started
let bytes = 0
let last = Buffer.alloc(0)
const hash = digest === '' ? undefined : createHash('sha256')

socket.on('data', (chunk) => {
  if (started === undefined) return void login(chunk)
  bytes += chunk.length
  hash?.update(chunk)
  if (Number(stall) > 0 && bytes > 1e6 && !socket.isPaused()) {
    socket.pause()
    process.stdout.write('stalled\n')
    setTimeout(() => socket.end(() => process.exit(0)), Number(stall))
  }
  last = chunk.length >= 6 ? chunk.subarray(-6) : Buffer.concat([last, chunk]).subarray(-6)
  // ReadyForQuery: Z, length 5, status.
  if (last[0] === 0x5a && last.readInt32BE(1) === 5) {
    const { user, system } = process.cpuUsage()
    process.stdout.write(
      `${JSON.stringify({ bytes, ms: performance.now() - started, cpu: (user + system) / 1e6, sha256: hash?.digest('hex') })}\n`,
    )
    socket.end(message('X', Buffer.alloc(0)))
  }
})
socket.on('error', (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})

function login(chunk) {
  pending = Buffer.concat([pending, chunk])
  while (pending.length >= 5 && pending.length >= 1 + pending.readInt32BE(1)) {
    const end = 1 + pending.readInt32BE(1)
    handle(String.fromCharCode(pending[0]), pending.subarray(5, end))
    pending = pending.subarray(end)
  }
}

async function handle(tag, body) {
  if (tag === 'E') {
    process.stderr.write(`${body.toString()}\n`)
    process.exit(1)
  }
  if (tag === 'Z') {
    started = performance.now()
    socket.write(message('Q', text(sql)))
  }
  if (tag !== 'R') return
  const kind = body.readInt32BE(0)
  const password = process.env.PGPASSWORD
  if (kind === 10) {
    session = saslModule.startSession(['SCRAM-SHA-256'])
    const first = Buffer.from(session.response)
    const length = Buffer.alloc(4)
    length.writeInt32BE(first.length)
    socket.write(message('p', Buffer.concat([text(session.mechanism), length, first])))
  } else if (kind === 11) {
    await saslModule.continueSession(session, password, body.subarray(4).toString())
    socket.write(message('p', Buffer.from(session.response)))
  } else if (kind === 12) saslModule.finalizeSession(session, body.subarray(4).toString())
  else if (kind !== 0) throw new Error(`authentication ${kind}`)
}
