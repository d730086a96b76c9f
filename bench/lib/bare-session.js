import { connect } from 'node:net'

/**
 * A session on a PostgreSQL that is no more than a socket: a thousand clients of a library cost the process that measures more than
 * what it measures.
 */
export async function openBareSession(port, { user, database }) {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  socket.on('error', () => {})
  let answered
  let rest = Buffer.alloc(0)
  socket.on('data', (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
    for (
      let length;
      rest.length >= 5 && rest.length > (length = rest.readUInt32BE(1));
      rest = rest.subarray(1 + length)
    )
      if (rest[0] === READY || rest[0] === ERROR) answered?.(rest[0])
  })
  socket.on('close', () => answered?.(undefined))
  const answer = () => new Promise((resolve) => (answered = resolve))
  const ask = (sql) => {
    const done = answer()
    socket.write(message('Q', `${sql}\0`))
    return done
  }
  const ready = answer()
  const parameters = Buffer.from(`user\0${user}\0database\0${database}\0\0`)
  const startup = Buffer.alloc(8)
  startup.writeUInt32BE(8 + parameters.length)
  startup.writeUInt32BE(PROTOCOL, 4)
  socket.write(Buffer.concat([startup, parameters]))
  if ((await ready) !== READY || (await ask('select 1')) !== READY) throw new Error('no session')
  return { socket, ask }
}

function message(tag, text) {
  const body = Buffer.from(text)
  const head = Buffer.alloc(5)
  head.write(tag)
  head.writeUInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

const READY = 'Z'.charCodeAt(0)
const ERROR = 'E'.charCodeAt(0)
/** 3.0. Source: manual, Message Formats, StartupMessage. */
const PROTOCOL = 196_608
