// A MySQL client that reads a result and looks at none of it. `mysql-drain.js PORT USER PASSWORD DATABASE SQL`: prints bytes and milliseconds.
import { connect } from 'node:net'
import { nativeProof } from '../../dist/protocols/mysql/gateway/login/proofs.js'
import { readAuthSwitch } from '../../dist/protocols/mysql/wire/auth-switch.js'
import { capabilities, UNDERSTOOD } from '../../dist/protocols/mysql/wire/capabilities.js'
import { commands } from '../../dist/protocols/mysql/wire/command.js'
import { encodePackets, Framer, payloadOf } from '../../dist/protocols/mysql/wire/framer.js'
import { encodeHandshakeResponse } from '../../dist/protocols/mysql/wire/handshake-response.js'
import { readHandshake } from '../../dist/protocols/mysql/wire/handshake.js'

const [port, user, password, database, sql] = process.argv.slice(2)
const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
const framer = new Framer(1 << 20, 'the server')
let isGreeted = false
let started
let bytes = 0

socket.on('data', (chunk) => {
  if (started === undefined) framer.push(chunk, login)
  else bytes += chunk.length
})
// COM_QUIT is behind the query: the server closes when all of its rows are sent.
socket.on('end', () => process.stdout.write(`${JSON.stringify({ bytes, ms: performance.now() - started })}\n`))
socket.on('error', fail)

function login(frame) {
  const payload = payloadOf(frame)
  if (payload[0] === 0xff) fail(new Error(payload.toString('latin1')))
  if (!isGreeted) {
    isGreeted = true
    const greeting = readHandshake(Buffer.from(payload))
    const response = encodeHandshakeResponse({
      type: 'response',
      capabilities: greeting.capabilities & UNDERSTOOD & ~capabilities.connectAttributes,
      maxPacket: 1 << 30,
      collation: 45,
      user: Buffer.from(user),
      authentication: nativeProof(password, greeting.scramble),
      database: Buffer.from(database),
      plugin: 'mysql_native_password',
      attributes: undefined,
    })
    socket.write(encodePackets(response, frame.next))
  } else if (payload[0] === 0) {
    started = performance.now()
    const query = Buffer.concat([Buffer.of(commands.query), Buffer.from(sql)])
    socket.write(Buffer.concat([encodePackets(query, 0), encodePackets(Buffer.of(commands.quit), 0)]))
  } else {
    const { data } = readAuthSwitch(payload)
    socket.write(encodePackets(nativeProof(password, data.subarray(0, 20)), frame.next))
  }
}

function fail(error) {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
